import type { PhysicalAddress } from '../../base/brand.js';
import type { Context, Decider } from '../context.js';
import { controllerAt } from '../msi/doorbells.js';
import { raise } from '../msi/raise.js';
import { type HardwareIds, hardwareIds } from './hardware-ids.js';
import { STOPPED, streamDomain, translate } from './translate.js';

/**
 * A memory request of a function. The StreamID is what the wiring of its bridge makes it, whatever number anyone gave
 * that bridge; a write that ends at a doorbell is an MSI to the controller, whoever meant it.
 * @source facts/arm-msi-iommu 6.2, 9
 */
export const decideDma: Decider<'dma.attempted'> = (context, { data }) => {
  const ids = hardwareIds(context.env.platform, data.function);
  const target =
    ids.smmu === null ? data.address : translate(context, ids.smmu, ids.streamId, data.address, data.dir);
  if (target === STOPPED) return;
  if (data.dir === 'write' && data.data !== null) {
    const controller = controllerAt(context.env.platform, target);
    if (controller !== null) {
      raise(context, data.function, ids, controller, target, data.data);
      return;
    }
  }
  reachMemory(context, ids, target);
};

/** The request reached memory at `target`. */
export function reachMemory(context: Context, ids: HardwareIds, target: number): void {
  context.emit('hw', 'dma.completed', {
    streamId: ids.smmu === null ? null : ids.streamId,
    domid: ids.smmu === null ? null : streamDomain(context, ids.smmu, ids.streamId),
    address: target as PhysicalAddress,
  });
}
