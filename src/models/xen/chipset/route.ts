import { bdf, busOf, type GuestSbdf } from '../../../pci/sbdf.js';
import type { ReadonlyWorld } from '../../../state/world.js';
import type { Context } from '../../context.js';
import type { ReadonlyGuest, Requested } from '../ioreq/guest.js';
import { type Target, targetOf } from '../ioreq/select.js';

/** The designs of 2018, and none: what Xen does today. @source facts/xen 13.3 */
export type MmconfigDesign = 'none' | 'notify' | 'xen-chipset' | 'transparent';

/** The design in force for a guest; only HVM guests have a chipset to speak of. */
export function designFor({ env }: Context, guest: ReadonlyGuest): MmconfigDesign {
  return guest.type === 'hvm' ? (env.policies.mmconfig as MmconfigDesign) : 'none';
}

type Chipset = ReadonlyWorld['mmconfig'][number];

/** Where an access leads under the design in force; null: to a bus that stands behind no port any more. */
export function routeAccess(context: Context, guest: ReadonlyGuest, access: Requested): Target | null {
  const target = targetOf(guest, access);
  const design = designFor(context, guest);
  const chipset = context.state.mmconfig[access.domid];
  if (design === 'none' || chipset === undefined) return target;
  if (target.type === 'pci') {
    const routed = routedName(design, chipset, target.sbdf);
    return routed === null ? null : { ...target, sbdf: routed, addr: packed(routed, target.reg) };
  }
  const name = target.type === 'memory' ? nameInWindow(chipset, access) : null;
  if (name === null) return target;
  const routed = routedName(design, chipset, name.sbdf);
  context.emit('xen', 'mmconfig.decoded', {
    domid: access.domid,
    vcpu: access.vcpu,
    addr: access.addr,
    sbdf: name.sbdf,
    routed: routed ?? name.sbdf,
    reg: name.reg,
  });
  return routed === null
    ? null
    : { type: 'pci', sbdf: routed, reg: name.reg, addr: packed(routed, name.reg) };
}

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
function routedName(design: MmconfigDesign, { ports }: Chipset, name: GuestSbdf): GuestSbdf | null {
  const bus = busOf(name);
  if (design === 'notify' || bus === 0) return name;
  let left = false;
  for (const { bus: now, registered } of Object.values(ports)) {
    if (now === bus) return (bdf(registered, 0, 0) + (name & 0xff)) as number as GuestSbdf;
    if (registered === bus) left = true;
  }
  return left ? null : name;
}
