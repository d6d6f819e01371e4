import type { PhysicalAddress } from '../../../base/brand.js';
import type { FunctionId } from '../../../pci/function-id.js';
import { NWL_EVENTS } from '../../../platform/msi-controllers.js';
import type { MsiController } from '../../../platform/platform.js';
import type { Context } from '../../context.js';
import { bridgeHasStep } from '../../hardware/bridge-init.js';
import { deliverEvent, isForced } from '../../xen/guest-msi/deliver.js';
import { drop } from '../../xen/guest-msi/drop.js';

/**
 * A message into the MSI window of an NWL bridge: its bit in the status registers, nothing about the sender. A bit
 * that is still set swallows the next message.
 */
export function latchNwl(context: Context, fn: FunctionId, bridge: MsiController, data: number): void {
  if (!bridgeHasStep(context, bridge.node, 'msi')) {
    drop(context, 'the MSI window of the bridge is not enabled yet');
    return;
  }
  if (data >= NWL_EVENTS) {
    drop(context, 'the bridge has 64 events');
    return;
  }
  latch(context, bridge, data, data, fn);
}

/** The handlers of msi0 and msi1: every set bit is cleared and passed on. @source facts/arm-msi-iommu 5.1 (defect) */
export function serviceNwl(context: Context, bridge: MsiController): void {
  for (const { event, function: fn } of drain(context, bridge)) {
    const wrong = !isForced(context) && context.env.switches['nwl-hi-handler'] === 'as-built' && event >= 32;
    deliverEvent(context, {
      translator: 'nwl',
      controller: bridge.base,
      event,
      eventId: event,
      intid: bridge.spiBase === 0 ? event : bridge.spiBase + (event >>> 5),
      doorbell: bridge.doorbell,
      streamId: null,
      deviceId: null,
      function: fn,
      forgeable: 'bridge',
      dispatched: wrong ? event - 32 : event,
    });
  }
}

/** Keeps a message under `slot` until the handler reads it. */
export function latch(
  context: Context,
  controller: MsiController,
  slot: number,
  event: number,
  fn: FunctionId,
): void {
  context.emit('hw', 'msi.latched', {
    controller: controller.base as PhysicalAddress,
    slot,
    event,
    function: fn,
    merged: context.state.msi.latched[controller.base]?.[slot]?.count ?? 0,
  });
}

/** Reads and clears what a controller kept, in the order of the slots. */
export function drain(
  context: Context,
  controller: MsiController,
): readonly { readonly event: number; readonly function: FunctionId }[] {
  const kept = context.state.msi.latched[controller.base];
  if (kept === undefined) return [];
  const waiting = Object.values(kept).map(({ event, function: fn }) => ({ event, function: fn }));
  context.emit('xen', 'msi.drained', { controller: controller.base as PhysicalAddress });
  return waiting;
}
