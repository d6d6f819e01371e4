import type { DomainId } from '../../../base/brand.js';
import type { DataOf } from '../../../events/catalogue.js';
import type { Context } from '../../context.js';

/** The last piece that covers an address: later ones stand over earlier ones. */
export const pieceAt = <P extends { readonly address: number; readonly sizeBytes: number }>(
  pieces: readonly P[] | undefined,
  address: number,
): P | undefined =>
  pieces?.findLast((one) => address >= one.address && address < one.address + one.sizeBytes);

/** Whose machine memory an address is, as far as the trace says. @cost O(pieces of memory) */
export function holderOf(
  { state }: Pick<Context, 'state'>,
  address: number,
): Pick<DataOf<'memory.reached'>, 'whose' | 'owner'> {
  const given = pieceAt(state.memory, address);
  if (given !== undefined) {
    if (given.owner === null) return { whose: 'xen', owner: null };
    return { whose: given.use === 'page-table' ? 'page-table' : 'guest', owner: given.owner as DomainId };
  }
  for (const [domid, ranges] of Object.entries(state.iommu.stage2)) {
    if (ranges.some(({ target, sizeBytes }) => address >= target && address < target + sizeBytes))
      return { whose: 'guest', owner: Number(domid) as DomainId };
  }
  return { whose: 'nobody', owner: null };
}
