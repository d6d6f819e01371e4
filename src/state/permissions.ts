import { addRange, emptyRangeSet, type RangeSet, removeRange } from '../base/rangeset.js';
import type { Slice } from './slice.js';

export type Resource = 'iomem' | 'ioport' | 'irq' | 'gsi';

/** By domid, what a domain may use: machine frames, I/O ports, machine interrupts. */
export type PermissionsState = Record<number, Partial<Record<Resource, RangeSet>>>;

export const permissionsSlice: Slice<PermissionsState> = {
  initial: () => ({}),
  on: {
    'permission.changed': (permissions, { data }) => {
      const first = Number(data.first);
      const last = Number(data.last);
      // Texts, as frames may be wider than a number is exact: what is none is nobody's permission.
      if (!Number.isFinite(first) || !Number.isFinite(last) || first > last) return;
      permissions[data.domid] ??= {};
      const domain = permissions[data.domid]!;
      domain[data.resource] ??= emptyRangeSet();
      const change = data.allowed ? addRange : removeRange;
      change(domain[data.resource]!, first, last);
    },
    // Unmapping what the domain still had speaks of its permissions once more.
    'domain.released': (permissions, { data }) => {
      delete permissions[data.domid];
    },
    'domain.destroyed': (permissions, { data }) => {
      delete permissions[data.domid];
    },
  },
};
