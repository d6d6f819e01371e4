import type { PhysicalAddress } from '../../base/brand.js';
import type { FunctionId } from '../../pci/function-id.js';
import { type ApicMessage, decodeX86Message, type RemappableMessage } from '../../pci/x86-message.js';
import type { Context } from '../context.js';
import { X86_CONTROLLER } from '../xen/guest-msi/claims.js';
import { deliverEvent } from '../xen/guest-msi/deliver.js';
import { drop } from '../xen/guest-msi/drop.js';

/**
 * An interrupt message on x86: it never passes DMA translation. Without remapping the vector alone decides; with it,
 * the entry also says who may send it.
 * @source facts/arm-msi-iommu 6.6, 7.3
 */
export function raiseX86(context: Context, fn: FunctionId, address: number, data: number): void {
  const message = decodeX86Message(address, data);
  if (message === null) return;
  if (context.env.policies['interrupt-remapping'] === 'on') remapped(context, fn, address, message);
  else direct(context, fn, address, message);
}

function direct(
  context: Context,
  fn: FunctionId,
  address: number,
  message: ApicMessage | RemappableMessage,
): void {
  if (message.format === 'remappable') {
    drop(context, 'remappable format, but the machine does not remap');
    return;
  }
  if (message.vector < 0x10) {
    drop(context, 'vectors 0 to 15 are illegal');
    return;
  }
  deliverEvent(context, {
    translator: 'apic',
    controller: X86_CONTROLLER,
    event: message.vector,
    eventId: message.vector,
    intid: message.vector,
    doorbell: address,
    streamId: null,
    deviceId: null,
    function: fn,
    forgeable: 'any',
    dispatched: null,
  });
}

function remapped(
  context: Context,
  fn: FunctionId,
  address: number,
  message: ApicMessage | RemappableMessage,
): void {
  if (message.format === 'apic') {
    drop(context, 'compatibility format is blocked while remapping is on');
    return;
  }
  const index = message.index + (message.subhandleValid ? message.subhandle : 0);
  const claim = context.state.msi.claims[X86_CONTROLLER]?.[index];
  if (claim === undefined) {
    drop(context, 'the remapping entry is not present');
    return;
  }
  if (claim.function !== fn) {
    drop(context, 'the remapping entry belongs to another source id');
    return;
  }
  deliverEvent(context, {
    translator: 'remapping',
    controller: X86_CONTROLLER,
    event: index,
    eventId: index,
    intid: index,
    doorbell: address as PhysicalAddress,
    streamId: null,
    deviceId: fn & 0xffff,
    function: fn,
    forgeable: 'device',
    dispatched: null,
  });
}
