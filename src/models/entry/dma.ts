import type { Decider } from '../context.js';
import { hardwareIds } from '../hardware/smmu/hardware-ids.js';
import { translate } from '../hardware/smmu/translate.js';
import { followsRequests } from '../xen/vtd/in-use.js';
import { requestOnX86 } from './request.js';
import { carry, reachMemory } from './send.js';

/**
 * A memory request of a function. The StreamID is what the wiring of its bridge makes it, whatever number anyone gave
 * that bridge; a write that ends at a doorbell is an MSI to the controller, whoever meant it.
 * @source facts/arm-msi-iommu 6.2, 9
 */
export const decideDma: Decider<'dma.attempted'> = (context, { data }) => {
  if (followsRequests(context)) {
    requestOnX86(context, data.function, data.address, data.dir, data.data);
    return;
  }
  const ids = hardwareIds(context.env.platform, data.function);
  const target =
    data.dir === 'write' && data.data !== null
      ? carry(context, data.function, ids, data.address, data.data)
      : ids.smmu === null
        ? data.address
        : translate(context, ids.smmu, ids.streamId, data.address, data.dir);
  if (target >= 0) reachMemory(context, ids, target);
};
