import { errno } from '../base/errno.js';
import type { IdMap } from './platform.js';

/** A translated id and the node it belongs to (null: no entry covered it), or the errno the look-up ends with. */
export type MappedId = { readonly id: number; readonly target: string | null } | { readonly errno: number };

/**
 * Translates a requester id through `iommu-map` or `msi-map`, in the order the kernels do it: the mask applies to the
 * id and not to what comes out; an entry with bits outside the mask ends the search even when it would not match; the
 * end of a range wraps at 32 bits; an id that nothing covers passes unchanged.
 *
 * @param wanted Node path the caller insists on; entries for other targets are passed over.
 * @source facts/arm-msi-iommu 1.4, steps 3 to 6
 * @cost O(entries).
 */
export function mapId(map: IdMap, id: number, wanted: string | null = null): MappedId {
  if (map.lengthBytes === 0 || map.lengthBytes % 16 !== 0) return { errno: -errno.EINVAL };
  const masked = (id & map.mask) >>> 0;
  for (const entry of map.entries) {
    if ((entry.idBase & ~map.mask) >>> 0 !== 0) return { errno: -errno.EFAULT };
    const end = (entry.idBase + entry.length) >>> 0;
    if (masked < entry.idBase || masked >= end) continue;
    if (entry.target === null) return { errno: -errno.ENODEV };
    if (wanted !== null && wanted !== entry.target) continue;
    return { id: (masked - entry.idBase + entry.outBase) >>> 0, target: entry.target };
  }
  return { id, target: wanted };
}
