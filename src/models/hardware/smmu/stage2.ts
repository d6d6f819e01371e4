import { controllerAt } from '../../../platform/doorbells.js';
import type { Context } from '../../context.js';

/** Answers of a stage-2 walk that are no address. */
const F_TRANSLATION = -1;
export const F_PERMISSION = -2;

/**
 * Walks a domain's stage 2. Memory is what `stage2.populated` gave it; beside that the hardware domain has every MSI
 * doorbell page mapped one to one, and a guest only under the policy `doorbell=mapped`.
 *
 * @returns The machine address, or a negative fault.
 * @source facts/arm-msi-iommu 3.6, 4, 6.6
 * @cost O(ranges of the domain), no allocation.
 */
export function walkStage2(context: Context, domid: number, address: number, write: boolean): number {
  const ranges = context.state.iommu.stage2[domid];
  if (ranges !== undefined) {
    for (let i = ranges.length - 1; i >= 0; i--) {
      const range = ranges[i]!;
      if (address < range.address || address - range.address >= range.sizeBytes) continue;
      return write && !range.writable ? F_PERMISSION : range.target + (address - range.address);
    }
  }
  return doorbellMapped(context, domid) && controllerAt(context.env.platform, address) !== null
    ? address
    : F_TRANSLATION;
}

/** Whether a domain's devices reach the doorbells of the platform. */
function doorbellMapped(context: Context, domid: number): boolean {
  return domid === context.state.iommu.hardwareDomain || context.env.policies.doorbell === 'mapped';
}
