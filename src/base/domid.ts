import type { DomainId } from './brand.js';

/** Domain ids that stand for something else than a guest. @source Xen, xen/include/public/xen.h */
export const domids = {
  SELF: 0x7ff0 as DomainId,
  IO: 0x7ff1 as DomainId,
  XEN: 0x7ff2 as DomainId,
  COW: 0x7ff3 as DomainId,
  INVALID: 0x7ff4 as DomainId,
  ANY: 0x7ff5 as DomainId,
  IDLE: 0x7fff as DomainId,
} as const;

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(domids).map(([name, domid]) => [domid, `DOMID_${name}`]),
);

/** Name of a reserved domain id as the header has it; null for the id of a domain. */
export const reservedName = (domid: number): string | null => names.get(domid) ?? null;

/** An owner in a message: `d1`, `dom_io` for the quarantine, `nobody`. */
export function ownerText(domid: number | null): string {
  if (domid === null) return 'nobody';
  return domid === domids.IO ? 'dom_io' : `d${domid}`;
}
