import type { DomainId } from '../../../base/brand.js';
import type { GuestSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { guestOf } from '../ioreq/guest.js';
import { ownRegister } from './functions.js';
import { type Condition, conditionsOf, signalConditions } from './port-interrupt.js';
import { coldSlot, LINK_ACTIVE, portReg, rootStatus, slotControl, slotStatus } from './port-registers.js';
import { nameOn, registeredName } from './registrations.js';

const set = (context: Context, domid: DomainId, sbdf: GuestSbdf, reg: number, value: number): void => {
  if (ownRegister(context, domid, sbdf, reg) !== value >>> 0)
    context.emit('xen', 'chipset.changed', { domid, sbdf, reg, value: value >>> 0 });
};

interface Written {
  readonly at: number;
  readonly lanes: number;
  readonly old: number;
}

/**
 * What follows from a guest's write to one of Xen's root ports: a slot command is done at once, the next power-management
 * event comes up, conditions interrupt. @source facts/q35-qemu 2.8; facts/arm-msi-iommu 8.4
 */
export function portWritten(
  context: Context,
  domid: DomainId,
  port: GuestSbdf,
  { at, lanes, old }: Written,
  before: ReadonlySet<Condition>,
): void {
  if (at === portReg.slot && (lanes & 0xffff) !== 0)
    set(context, domid, port, portReg.slot, ownRegister(context, domid, port, at) | slotStatus.command);
  if (at === portReg.rootStatus && (old & rootStatus.pme) !== 0) nextPme(context, domid, port);
  signalConditions(context, domid, port, before);
}

/** Whether the port's slot has power: without it nothing behind answers. */
export const slotPowered = (context: Context, domid: DomainId, port: GuestSbdf): boolean =>
  (ownRegister(context, domid, port, portReg.slot) & slotControl.powerOff) === 0;

/**
 * The slot of a port of Xen shows a card while some server has function 0 of the port's bus registered.
 * @param when `cold`: the port got its bus number just now, the card was there before; `hot`: the registration changed
 */
export function slotOfPort(context: Context, domid: DomainId, port: GuestSbdf, when: 'cold' | 'hot'): void {
  if (context.env.policies.mmconfig !== 'xen-chipset') return;
  const bus = context.state.mmconfig[domid]?.ports[port]?.bus ?? 0;
  const guest = guestOf(context, domid);
  if (bus === 0 || guest === undefined) return;
  const present = registeredName(context, guest, domid, nameOn(bus, 0)) !== null;
  const slot = ownRegister(context, domid, port, portReg.slot);
  if (((slot & slotStatus.present) !== 0) === present) return;
  const before = conditionsOf(context, domid, port);
  const changed =
    when === 'cold'
      ? coldSlot(slot, present)
      : (slot ^ slotStatus.present) | slotStatus.presenceChanged | (present ? slotStatus.button : 0);
  set(context, domid, port, portReg.slot, changed);
  const link = ownRegister(context, domid, port, portReg.link);
  set(context, domid, port, portReg.link, present ? link | LINK_ACTIVE : link & ~LINK_ACTIVE);
  signalConditions(context, domid, port, before);
}

/** Registrations changed: every slot of Xen's ports looks again. */
export function lookAtSlots(context: Context, domid: DomainId): void {
  for (const port of Object.keys(context.state.mmconfig[domid]?.ports ?? {}))
    slotOfPort(context, domid, Number(port) as GuestSbdf, 'hot');
}

/** Events kept behind the one root status shows; more are lost, as a function repeats its own. */
const PMES = 8;

/** A power-management event arrives at a port whose root status Xen keeps. @source facts/arm-msi-iommu 8.4 */
export function receivePme(context: Context, domid: DomainId, port: GuestSbdf, source: GuestSbdf): void {
  const status = ownRegister(context, domid, port, portReg.rootStatus);
  if ((status & rootStatus.pme) === 0) {
    set(context, domid, port, portReg.rootStatus, rootStatus.pme | source);
    return;
  }
  if ((context.state.mmconfig[domid]?.pmes[port]?.length ?? 0) >= PMES) return;
  context.emit('xen', 'pme.queued', { domid, port, source, waits: true });
  set(context, domid, port, portReg.rootStatus, status | rootStatus.pending);
}

/** The guest acknowledged an event: the next one, where there is one, takes its place. */
export function nextPme(context: Context, domid: DomainId, port: GuestSbdf): boolean {
  const status = ownRegister(context, domid, port, portReg.rootStatus);
  const [source, ...rest] = context.state.mmconfig[domid]?.pmes[port] ?? [];
  if ((status & rootStatus.pme) !== 0 || source === undefined) return false;
  context.emit('xen', 'pme.queued', { domid, port, source: source as GuestSbdf, waits: false });
  const pending = rest.length > 0 ? rootStatus.pending : 0;
  set(context, domid, port, portReg.rootStatus, rootStatus.pme | pending | source);
  return true;
}

const ROOT = {
  ERR_COR: { first: 0x01, again: 0x02, report: 0 },
  ERR_NONFATAL: { first: 0x04, again: 0x08, report: 0x20 },
  ERR_FATAL: { first: 0x04, again: 0x08, report: 0x40 },
} as const;
const FIRST_FATAL = 0x10;
const SERR = 0x2_0000;

/**
 * An error message arrives at a port of Xen. The gate is SERR of BRIDGE_CONTROL, for correctable errors too.
 * @returns Whether the port took it.
 * @source facts/arm-msi-iommu 8.3 (root status, source id); facts/q35-qemu 2.9
 */
export function receiveError(
  context: Context,
  domid: DomainId,
  port: GuestSbdf,
  message: keyof typeof ROOT,
  source: GuestSbdf,
): boolean {
  if ((ownRegister(context, domid, port, portReg.bridgeControl) & SERR) === 0) return false;
  const { first, again, report } = ROOT[message];
  const status = ownRegister(context, domid, port, portReg.aerRootStatus);
  const fresh = (status & first) === 0;
  if (fresh) {
    const sources = ownRegister(context, domid, port, portReg.aerSource);
    const correctable = message === 'ERR_COR';
    set(
      context,
      domid,
      port,
      portReg.aerSource,
      correctable ? (sources & 0xffff_0000) | source : (sources & 0xffff) | (source << 16),
    );
  }
  const fatal = message === 'ERR_FATAL' && fresh ? FIRST_FATAL : 0;
  set(context, domid, port, portReg.aerRootStatus, status | first | (fresh ? 0 : again) | report | fatal);
  return true;
}
