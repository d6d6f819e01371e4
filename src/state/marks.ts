import type { Slice } from './slice.js';

/** Devices by Xen SBDF that carry the proposed `assigned` flag: eligible for passthrough. @source facts/dom0 12.1 */
export type MarksState = Record<number, true>;

export const marksSlice: Slice<MarksState> = {
  initial: () => ({}),
  on: {
    'device.marked': (marks, { data }) => {
      if (data.assignable) marks[data.sbdf] = true;
      else delete marks[data.sbdf];
    },
    'device.unregistered': (marks, { data }) => {
      delete marks[data.sbdf];
    },
  },
};
