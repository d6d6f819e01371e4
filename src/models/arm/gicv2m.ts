import type { FunctionId } from '../../pci/function-id.js';
import type { MsiController } from '../../platform/platform.js';
import type { Context } from '../context.js';
import { deliverEvent } from '../msi/deliver.js';
import { drop } from '../msi/drop.js';
import type { HardwareIds } from './hardware-ids.js';

/** MSI_IIDR values whose frames take other data than the interrupt id. @source facts/arm-msi-iommu 4 */
export const v2mIidr = { XGENE: 0x06000170, NS2: 0x0000013f } as const;
/** Offset of MSI_SETSPI_NS in its page. */
const SETSPI_OFFSET = 0x40;
/** Last SPI a frame may reach. @source facts/arm-msi-iommu 4 */
const LAST_SPI = 1019;

/** Whether a frame's registers or overrides make sense: at least one SPI, none below 32, none beyond the last. */
export function isValidFrame(spiBase: number, spiCount: number): boolean {
  return spiBase >= 32 && spiCount > 0 && spiBase + spiCount <= LAST_SPI;
}

/** MSI_TYPER: first SPI in 25:16, how many in 9:0. */
export function decodeMsiTyper(value: number): { readonly spiBase: number; readonly spiCount: number } {
  return { spiBase: (value >>> 16) & 0x3ff, spiCount: value & 0x3ff };
}

/** Data that raises an SPI on this frame. @source facts/arm-msi-iommu 4 (quirks) */
export function v2mData(frame: MsiController, intid: number): number {
  switch (frame.iidr) {
    case v2mIidr.XGENE:
      return intid - frame.spiBase;
    case v2mIidr.NS2:
      return intid - 32;
    default:
      return intid;
  }
}

/** Amazon Graviton: the interrupt is in the address, the data is 0, and there is no multi-message MSI. */
export function gravitonMessage(base: number, intid: number): { readonly address: number; readonly data: 0 } {
  return { address: base + (intid - 32) * 8, data: 0 };
}

/** The SPI a write raises; null when the frame has none for it. */
export function v2mInterrupt(frame: MsiController, data: number): number | null {
  const intid =
    frame.iidr === v2mIidr.XGENE ? data + frame.spiBase : frame.iidr === v2mIidr.NS2 ? data + 32 : data;
  return intid >= frame.spiBase && intid < frame.spiBase + frame.spiCount ? intid : null;
}

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
