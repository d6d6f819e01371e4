import type { FunctionId } from '../../../pci/function-id.js';
import { xgene, xgeneFrameOffset, xgeneHit, xgenePlace, xgeneVector } from '../../../pci/xgene-msi.js';
import type { MsiController } from '../../../platform/platform.js';
import type { Context } from '../../context.js';
import { deliverEvent } from '../../xen/guest-msi/deliver.js';
import { drop } from '../../xen/guest-msi/drop.js';
import { drain, latch } from './nwl.js';

/** A write into a termination frame: one bit of MSInIRx; a second write before the read is the same bit. */
export function latchXgene(
  context: Context,
  fn: FunctionId,
  block: MsiController,
  address: number,
  data: number,
): void {
  const place = xgeneHit(address - block.base, data);
  if (place === null) {
    drop(context, 'no bit of this termination frame');
    return;
  }
  const vector = xgeneVector(place);
  latch(context, block, vector, vector, fn);
}

/** The handlers of the sixteen groups: each reads (and clears) its registers until none is set. */
export function serviceXgene(context: Context, block: MsiController): void {
  for (const { event, function: fn } of drain(context, block)) {
    const place = xgenePlace(event);
    deliverEvent(context, {
      translator: 'xgene',
      controller: block.base,
      event,
      eventId: place.bit,
      intid: block.spiBase + (event % xgene.groups),
      doorbell: block.base + xgeneFrameOffset(place),
      streamId: null,
      deviceId: null,
      function: fn,
      forgeable: 'frame',
      dispatched: event,
    });
  }
}
