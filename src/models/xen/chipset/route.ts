import type { DomainId } from '../../../base/brand.js';
import { bdf, busOf, type GuestSbdf } from '../../../pci/sbdf.js';
import type { PolicyValue } from '../../../policy/axes.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import type { ReadonlyWorld } from '../../../state/world.js';
import type { Context } from '../../context.js';
import type { ReadonlyGuest, Requested } from '../ioreq/guest.js';
import { type Target, targetOf } from '../ioreq/select.js';
import { slotPowered } from './own-port.js';
import { registeredName } from './registrations.js';

/** The designs of 2018, and none: what Xen does today. @source facts/xen 13.3 */
export type MmconfigDesign = PolicyValue<'mmconfig'>;

/** The design in force for a guest; only HVM guests have a chipset to speak of. */
export function designFor({ env }: Context, guest: ReadonlyGuest): MmconfigDesign {
  return guest.type === 'hvm' ? env.policies.mmconfig : 'none';
}

type Chipset = ReadonlyWorld['mmconfig'][number];

/** Where an access leads, and to which server where that is known already: -1 for nobody. */
export interface Route {
  readonly target: Target;
  readonly server: number | null;
}

/** Where an access leads under the design in force; null, as 0.1.0 has it: to a bus that stands behind no port any more. */
export function routeAccess(context: Context, guest: ReadonlyGuest, access: Requested): Route | null {
  const target = targetOf(guest, access);
  const design = designFor(context, guest);
  const chipset = context.state.mmconfig[access.domid];
  if (design === 'none' || chipset === undefined) return { target, server: null };
  if (target.type === 'pci') {
    const routed = routedName(context, design, guest, chipset, access.domid, target.sbdf);
    return routed === null ? null : named(routed, target.reg);
  }
  const name = target.type === 'memory' ? nameInWindow(chipset, access) : null;
  if (name === null) return { target, server: null };
  const routed = routedName(context, design, guest, chipset, access.domid, name.sbdf);
  context.emit('xen', 'mmconfig.decoded', {
    domid: access.domid,
    vcpu: access.vcpu,
    addr: access.addr,
    sbdf: name.sbdf,
    routed: routed?.name ?? name.sbdf,
    reg: name.reg,
  });
  return routed === null ? null : named(routed, name.reg);
}

const NOBODY = -1;

interface Routed {
  readonly name: GuestSbdf;
  readonly server: number | null;
}

const named = ({ name, server }: Routed, reg: number): Route => ({
  target: { type: 'pci', sbdf: name, reg, addr: packed(name, reg) },
  server,
});

/** As IOREQ_TYPE_PCI_CONFIG packs its address. @source facts/xen 1.5 */
const packed = (name: GuestSbdf, reg: number): number => name * 0x1_0000_0000 + reg;

/**
 * Function and register of a plain access that lies wholly in the window Xen knows. The window begins with bus 0.
 * Repeated, 8-byte and boundary-crossing accesses stay memory accesses.
 */
function nameInWindow(
  { window }: Chipset,
  { addr, size, count }: Requested,
): { readonly sbdf: GuestSbdf; readonly reg: number } | null {
  if (window === null || !window.enabled || count !== 1 || size > 4) return null;
  const offset = addr - window.base;
  if (offset < 0 || offset + size > window.sizeBytes || (offset & 0xfff) + size > 0x1000) return null;
  return { sbdf: Math.floor(offset / 0x1000) as GuestSbdf, reg: offset & 0xfff };
}

/**
 * The name under which servers registered a function. A device model registers once, with the bus number of that
 * moment (facts/q35-qemu 3.3); where Xen follows the ports' bus numbers it translates, elsewhere the new name is
 * simply unknown.
 */
function routedName(
  context: Context,
  design: MmconfigDesign,
  guest: ReadonlyGuest,
  { ports }: Chipset,
  domid: DomainId,
  name: GuestSbdf,
): Routed | null {
  const bus = busOf(name);
  if (design === 'notify' || bus === 0) return { name, server: null };
  if (hasBehaviour(context.env.behaviour, 'chipset-ports')) {
    const port = Object.keys(ports).find((one) => ports[Number(one)]!.bus === bus);
    if (design === 'xen-chipset' && port !== undefined) {
      if (!slotPowered(context, domid, Number(port) as GuestSbdf)) return { name, server: NOBODY };
    }
    return registeredName(context, guest, domid, name) ?? { name, server: NOBODY };
  }
  let left = false;
  for (const { bus: now, registered } of Object.values(ports)) {
    if (now === bus) return { name: (bdf(registered, 0, 0) + (name & 0xff)) as GuestSbdf, server: null };
    if (registered === bus) left = true;
  }
  return left ? null : { name, server: null };
}
