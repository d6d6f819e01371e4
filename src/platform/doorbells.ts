import type { MsiController, Platform } from './platform.js';

/** Bytes of the doorbell area of each controller. @source facts/arm-msi-iommu 3.1, 4, 5.1, 5.2 */
const XGENE_FRAMES = 0x80_0000;
const PAGE = 0x1000;

const rounded = (address: number): number => address - (address % PAGE);

/** First byte of the pages a device must reach to raise an interrupt at this controller. */
export function doorbellStart(controller: MsiController): number {
  return rounded(controller.model === 'xgene' ? controller.base : controller.doorbell);
}

/** How many bytes those pages span. */
export function doorbellSize(controller: MsiController): number {
  return controller.model === 'xgene' ? XGENE_FRAMES : PAGE;
}

/** The controller whose doorbell pages hold an address; null when there is none. O(controllers), no allocation. */
export function controllerAt(platform: Platform, address: number): MsiController | null {
  const { msiControllers } = platform;
  for (let i = 0; i < msiControllers.length; i++) {
    const controller = msiControllers[i]!;
    const offset = address - doorbellStart(controller);
    if (offset >= 0 && offset < doorbellSize(controller)) return controller;
  }
  return null;
}
