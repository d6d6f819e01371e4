import type { DomainId } from '../../../base/brand.js';
import { command } from '../../../pci/header.js';
import type { GuestSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { deliverMessage, setIntxLine } from '../dm-op/interrupts.js';
import { guestOf } from '../ioreq/guest.js';
import { ownRegister } from './functions.js';
import { PME_ENABLE, portReg, rootStatus, slotControl } from './port-registers.js';

/** What makes a root port interrupt: its slot, its error reports, a power-management event. */
export type Condition = 'slot' | 'error' | 'pme';

const ERROR_REPORTS = [
  [1, 0x01],
  [2, 0x20],
  [4, 0x40],
] as const;

/**
 * The conditions that stand at a port of Xen.
 * @source facts/q35-qemu 2.8 (slot), 2.9 (root command and status); facts/arm-msi-iommu 8.4 (PME)
 */
export function conditionsOf(context: Context, domid: DomainId, port: GuestSbdf): ReadonlySet<Condition> {
  const read = (at: number): number => ownRegister(context, domid, port, at);
  const found = new Set<Condition>();
  const slot = read(portReg.slot);
  if ((slot & slotControl.interrupt) !== 0 && (slot & (slot >>> 16) & 0x19) !== 0) found.add('slot');
  const errors = read(portReg.aerRootStatus);
  const reports = read(portReg.aerRootCommand);
  if (ERROR_REPORTS.some(([enable, status]) => (reports & enable) !== 0 && (errors & status) !== 0))
    found.add('error');
  if ((read(portReg.rootControl) & PME_ENABLE) !== 0 && (read(portReg.rootStatus) & rootStatus.pme) !== 0)
    found.add('pme');
  return found;
}

const MSI_ENABLE = 0x1_0000;

/** Sends a message for every condition that was not there before; without MSI the pin follows. */
export function signalConditions(
  context: Context,
  domid: DomainId,
  port: GuestSbdf,
  before: ReadonlySet<Condition>,
): void {
  const now = conditionsOf(context, domid, port);
  if ((ownRegister(context, domid, port, portReg.msiControl) & MSI_ENABLE) === 0) {
    // The pin of a device model's port is that model's to move.
    if (context.env.policies.mmconfig !== 'xen-chipset') return;
    const masked = (ownRegister(context, domid, port, portReg.command) & command.intxDisable) !== 0;
    setIntxLine(context, domid, port >>> 3, 0, now.size > 0 && !masked);
    return;
  }
  for (const condition of now) if (!before.has(condition)) sendPortMessage(context, domid, port, condition);
}

/**
 * The MSI of a root port: vector 1 of two for errors, vector 0 for slot and PME, as ioh3420 numbers them. Without bus
 * mastering the message is lost. @source facts/q35-qemu 2.7, 2.10
 */
export function sendPortMessage(
  context: Context,
  domid: DomainId,
  port: GuestSbdf,
  condition: Condition,
): void {
  const read = (at: number): number => ownRegister(context, domid, port, at);
  const control = read(portReg.msiControl);
  if ((control & MSI_ENABLE) === 0) return;
  const vectors = 1 << ((control >>> 20) & 7);
  const vector = condition === 'error' && vectors > 1 ? 1 : 0;
  if ((read(portReg.msiMask) & (1 << vector)) !== 0) {
    context.emit('xen', 'msi.dropped', { reason: 'the vector is masked in the root port' });
    return;
  }
  const data = read(portReg.msiData) & 0xffff;
  if ((read(portReg.command) & command.busMaster) === 0) {
    context.emit('xen', 'msi.dropped', { reason: 'the root port may not master the bus' });
    return;
  }
  const guest = guestOf(context, domid);
  if (guest === undefined) return;
  deliverMessage(context, domid, guest, {
    low: read(portReg.msiAddress),
    high: 0,
    data: vectors > 1 ? (data & ~(vectors - 1)) | vector : data,
  });
}
