import type { PhysicalAddress } from '../../base/brand.js';
import { capability } from '../../pci/capabilities.js';
import { conventionalSteps, hasList, MOST_CAPABILITIES, type Read } from '../../pci/capability-walk.js';
import type { FunctionId } from '../../pci/function-id.js';
import { command, reg } from '../../pci/header.js';
import { decodeMsiControl, type MsiLayout, messageData, msiLayout } from '../../pci/msi.js';
import type { Context } from '../context.js';
import { readConfig } from '../hardware/config-space.js';
import { drop } from '../xen/guest-msi/drop.js';
import { send } from './send.js';

/** The MSI capability of a function as its configuration space holds it. */
interface Capability {
  readonly at: number;
  readonly layout: MsiLayout;
  readonly messagesLog2: number;
}

/**
 * A function without vectors of its own in this trace reports an event: the message is what software wrote into its MSI
 * capability. Bus mastering gates messages like any other write; a mask bit turns one into a pending bit.
 * @source facts/arm-msi-iommu 7.1, 8.1
 */
export function raiseFromCapability(context: Context, fn: FunctionId, vector: number): void {
  const capability = enabledCapability(context, fn);
  if (capability === null || vector >= 2 ** capability.messagesLog2) {
    drop(context, 'MSI is not enabled in the function');
    return;
  }
  if ((readConfig(context, fn, reg.command, 2) & command.busMaster) === 0) {
    drop(context, 'bus mastering is off: the function cannot send');
    return;
  }
  const { at, layout } = capability;
  if (
    layout.mask !== null &&
    layout.pending !== null &&
    bit(readConfig(context, fn, at + layout.mask, 4), vector)
  ) {
    setPending(context, fn, capability, readConfig(context, fn, at + layout.pending, 4) | (1 << vector));
    context.emit('hw', 'msi.pended', { intid: 0, domid: null, reason: 'the vector is masked' });
    return;
  }
  sendMessage(context, fn, capability, vector);
}

/** After a write to the configuration space: messages that waited for their mask bit to go are sent. */
export function sendUnmasked(context: Context, fn: FunctionId): void {
  const capability = enabledCapability(context, fn);
  if (capability === null) return;
  const { at, layout } = capability;
  if (layout.mask === null || layout.pending === null) return;
  const pending = readConfig(context, fn, at + layout.pending, 4);
  const open = (pending & ~readConfig(context, fn, at + layout.mask, 4)) >>> 0;
  if (open === 0) return;
  setPending(context, fn, capability, pending & ~open);
  for (let vector = 0; vector < 32; vector++)
    if (bit(open, vector)) sendMessage(context, fn, capability, vector);
}

const bit = (bits: number, at: number): boolean => ((bits >>> at) & 1) !== 0;

function sendMessage(
  context: Context,
  fn: FunctionId,
  { at, layout, messagesLog2 }: Capability,
  vector: number,
): void {
  const low = readConfig(context, fn, at + layout.addressLow, 4);
  const high =
    layout.addressHigh === null ? 0 : readConfig(context, fn, at + layout.addressHigh, 4) & 0xf_ffff;
  const address = high * 2 ** 32 + ((low & ~3) >>> 0);
  const data = messageData(readConfig(context, fn, at + layout.data, 2), messagesLog2, vector);
  context.emit('hw', 'msi.sent', { address: address as PhysicalAddress, data });
  send(context, fn, address, data);
}

function setPending(context: Context, fn: FunctionId, { at, layout }: Capability, bits: number): void {
  if (layout.pending === null) return;
  context.emit('hw', 'config.changed', { function: fn, reg: at + layout.pending, value: bits >>> 0 });
}

function enabledCapability(context: Context, fn: FunctionId): Capability | null {
  const at = findMsi(context, fn);
  if (at === 0) return null;
  const control = decodeMsiControl(readConfig(context, fn, at + 2, 2));
  if (!control.enabled) return null;
  return {
    at,
    layout: msiLayout(control.is64, control.maskable),
    messagesLog2: Math.min(control.enabledLog2, control.capableLog2, 5),
  };
}

/** Offset of the MSI capability; 0 when the function has none or is not there. */
function findMsi(context: Context, fn: FunctionId): number {
  const read: Read = (at, size) => readConfig(context, fn, at, size);
  if (read(reg.status, 2) === 0xffff || !hasList(read)) return 0;
  let steps = 0;
  for (const { at, id } of conventionalSteps(read, 'bytes')) {
    // The function knows its own list: an id of all ones hides nothing behind it.
    if (id === capability.msi) return at;
    if (++steps === MOST_CAPABILITIES) return 0;
  }
  return 0;
}
