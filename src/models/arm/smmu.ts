import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import type { FunctionId } from '../../pci/function-id.js';
import type { Smmu } from '../../platform/platform.js';
import type { Context } from '../context.js';

/** Points a stream at a domain's stage 2; 0 or a negative errno. @source facts/arm-msi-iommu 6.4 */
export function attachStream(
  context: Context,
  smmu: Smmu,
  streamId: number,
  domid: DomainId,
  fn: FunctionId,
): number {
  if (streamId >= 2 ** smmu.streamIdBits) return -errno.ERANGE;
  const base = smmu.base as PhysicalAddress;
  context.emit('xen', 'iommu.programmed', { smmu: base, streamId, config: 'stage2', domid, function: fn });
  return 0;
}

/** Makes a stream abort. @source facts/arm-msi-iommu 6.4 (detach) */
export function detachStream(context: Context, smmu: Smmu, streamId: number, fn: FunctionId): void {
  const base = smmu.base as PhysicalAddress;
  context.emit('xen', 'iommu.programmed', {
    smmu: base,
    streamId,
    config: 'abort',
    domid: null,
    function: fn,
  });
}
