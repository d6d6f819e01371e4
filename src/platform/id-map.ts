import { errno } from '../base/errno.js';
import type { IdMap } from './platform.js';

/** A translated id and the node it belongs to (null: no entry covered it), or the errno the look-up ends with. */
export type MappedId = { readonly id: number; readonly target: string | null } | { readonly errno: number };

/** What the caller wants out of a look-up. */
export interface MapAsks {
  readonly id: boolean;
  readonly target: boolean;
}

const both: MapAsks = { id: true, target: true };

/**
 * Translates a requester id through `iommu-map` or `msi-map`, in the order the kernels do it: the mask applies to the
 * id and not to what comes out; an entry with bits outside the mask ends the search even when it would not match; the
 * end of a range wraps at 32 bits; an id that nothing covers passes unchanged.
 *
 * @param map null: the property is absent.
 * @param wanted Node path the caller insists on; entries for other targets are passed over.
 * @param asks Without the target an absent map passes the id on and `wanted` is not looked at.
 * @source facts/arm-msi-iommu 1.4, steps 1 to 6
 * @cost O(entries).
 */
export function mapId(
  map: IdMap | null,
  id: number,
  wanted: string | null = null,
  asks: MapAsks = both,
): MappedId {
  if (!asks.id && !asks.target) return { errno: -errno.EINVAL };
  if (map === null) return asks.target ? { errno: -errno.ENODEV } : { id, target: null };
  if (map.lengthBytes === 0 || map.lengthBytes % 16 !== 0) return { errno: -errno.EINVAL };
  const masked = (id & map.mask) >>> 0;
  for (const entry of map.entries) {
    if ((entry.idBase & ~map.mask) >>> 0 !== 0) return { errno: -errno.EFAULT };
    const end = (entry.idBase + entry.length) >>> 0;
    if (masked < entry.idBase || masked >= end) continue;
    if (entry.target === null) return { errno: -errno.ENODEV };
    if (asks.target && wanted !== null && wanted !== entry.target) continue;
    const target = asks.target ? entry.target : null;
    return { id: (masked - entry.idBase + entry.outBase) >>> 0, target };
  }
  return { id, target: asks.target ? wanted : null };
}
