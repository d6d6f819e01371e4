import type { MsiController } from './platform.js';

/** MSI_IIDR values whose frames take other data than the interrupt id. @source facts/arm-msi-iommu 4 */
export const v2mIidr = { XGENE: 0x06000170, NS2: 0x0000013f } as const;
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
