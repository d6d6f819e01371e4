import type { FunctionId } from '../../../pci/function-id.js';
import { v2mInterrupt } from '../../../platform/gicv2m.js';
import type { MsiController } from '../../../platform/platform.js';
import type { Context } from '../../context.js';
import type { HardwareIds } from '../../hardware/smmu/hardware-ids.js';
import { deliverEvent } from '../../xen/guest-msi/deliver.js';
import { drop } from '../../xen/guest-msi/drop.js';

/** Offset of MSI_SETSPI_NS in its page. */
const SETSPI_OFFSET = 0x40;

/**
 * A write to MSI_SETSPI_NS: whoever reaches the frame raises any SPI of its range; the frame does not know who wrote.
 * Xen routes every SPI of every frame to the hardware domain unless it forces messages itself.
 * @source facts/arm-msi-iommu 4
 */
export function raiseV2m(
  context: Context,
  fn: FunctionId,
  ids: HardwareIds,
  frame: MsiController,
  address: number,
  data: number,
): void {
  const intid = address % 0x1000 === SETSPI_OFFSET ? v2mInterrupt(frame, data) : null;
  if (intid === null) {
    drop(context, 'the frame has no SPI for this write');
    return;
  }
  deliverEvent(context, {
    translator: 'gicv2m',
    controller: frame.base,
    event: intid,
    intid,
    eventId: data,
    doorbell: address,
    streamId: ids.smmu === null ? null : ids.streamId,
    deviceId: null,
    function: fn,
    forgeable: 'frame',
    dispatched: null,
  });
}
