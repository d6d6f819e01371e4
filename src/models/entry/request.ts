import type { PhysicalAddress } from '../../base/brand.js';
import type { FunctionId } from '../../pci/function-id.js';
import { isX86Doorbell } from '../../pci/x86-message.js';
import type { Context } from '../context.js';
import { holderOf } from '../xen/vtd/holder.js';
import { passVtd, requesterNamed } from '../xen/vtd/translate.js';
import { raiseX86 } from './x86.js';

/**
 * A memory request of a function of an x86 machine: a write to the window of the local APICs is an interrupt message and
 * passes no DMA translation; everything else goes through VT-d to memory.
 * @param data Null for reads, and for writes of no known dword.
 * @source facts/arm-msi-iommu 6.6
 */
export function requestOnX86(
  context: Context,
  fn: FunctionId,
  address: number,
  dir: 'read' | 'write',
  data: number | null,
): 'message' | 'memory' | 'stopped' {
  if (dir === 'write' && data !== null && isX86Doorbell(address)) {
    raiseX86(context, fn, address, data);
    return 'message';
  }
  const requester = requesterNamed(context, fn);
  const { target, domid } = passVtd(context, { fn, requester, address, dir });
  if (target < 0) return 'stopped';
  context.emit('hw', 'memory.reached', {
    function: fn,
    requester,
    address: target as PhysicalAddress,
    dir,
    through: domid,
    ...holderOf(context, target),
  });
  return 'memory';
}
