import type { FunctionId } from '../../../pci/function-id.js';
import { AXI_VECTORS } from '../../../platform/msi-controllers.js';
import type { MsiController } from '../../../platform/platform.js';
import type { Context } from '../../context.js';
import { deliverEvent } from '../../xen/guest-msi/deliver.js';
import { drop } from '../../xen/guest-msi/drop.js';
import { drain, latch } from './nwl.js';

/** Entries of the receive FIFO: the figure of the sibling NWL bridge, its own is not known. */
const FIFO_ENTRIES = 128;

/** A message into the 4 KiB page the bridge consumes: one more entry of the FIFO. */
export function latchAxi(context: Context, fn: FunctionId, bridge: MsiController, data: number): void {
  const waiting = Object.keys(context.state.msi.latched[bridge.base] ?? {}).length;
  if (waiting >= FIFO_ENTRIES) {
    drop(context, 'the receive FIFO of the bridge is full');
    return;
  }
  latch(context, bridge, waiting, data & 0xffff, fn);
}

/** The handler pops every entry; data beyond its vectors is no interrupt. */
export function serviceAxi(context: Context, bridge: MsiController): void {
  for (const { event, function: fn } of drain(context, bridge)) {
    if (event >= AXI_VECTORS) {
      drop(context, 'the driver has 128 vectors');
      continue;
    }
    deliverEvent(context, {
      translator: 'axi',
      controller: bridge.base,
      event,
      eventId: event,
      intid: bridge.spiBase === 0 ? event : bridge.spiBase,
      doorbell: bridge.doorbell,
      streamId: null,
      deviceId: null,
      function: fn,
      forgeable: 'bridge',
      dispatched: event,
    });
  }
}
