import { hex } from '../base/hex.js';
import type { Slice } from './slice.js';

/** A present L1 entry. */
export interface MappedFrame {
  /** Machine frame. */
  frame: number;
  writable: boolean;
}

/** By domid, then by entry as `va:…` or `ptr:…`: what the L1 tables of PV domains map, as far as the trace tells. */
export type PageTablesState = Record<number, Record<string, MappedFrame>>;

const RW = 2;

export const pageTablesSlice: Slice<PageTablesState> = {
  initial: () => ({}),
  on: {
    'pte.changed': (tables, { data }) => {
      const { domid, by, at, frame, flags } = data;
      tables[domid] ??= {};
      const entry = `${by}:${hex(at)}`;
      if (frame === null) delete tables[domid][entry];
      else tables[domid][entry] = { frame, writable: (flags & RW) !== 0 };
    },
    'domain.destroyed': (tables, { data }) => {
      delete tables[data.domid];
    },
  },
};
