import type { DomainId } from '../base/brand.js';
import type { Slice } from './slice.js';

/** An entry of a grant table as its owner wrote it. */
export interface GrantEntry {
  to: DomainId;
  frame: number;
  readonly: boolean;
}

/** A granted frame that a domain has mapped. */
export interface GrantMapping {
  from: DomainId;
  ref: number;
  /** The frame the entry offered when it was mapped. */
  frame: number;
  readonly: boolean;
}

export interface GrantDomain {
  entries: Record<number, GrantEntry>;
  mappings: Record<number, GrantMapping>;
  version: number;
}

export type GnttabState = Record<number, GrantDomain>;

const domainOf = (state: GnttabState, domid: number): GrantDomain => {
  state[domid] ??= { entries: {}, mappings: {}, version: 1 };
  return state[domid];
};

export const gnttabSlice: Slice<GnttabState> = {
  initial: () => ({}),
  on: {
    'grant.offered': (state, { data }) => {
      const { to, frame, readonly } = data;
      domainOf(state, data.domid).entries[data.ref] = { to, frame, readonly };
    },
    'grant.withdrawn': (state, { data }) => {
      delete domainOf(state, data.domid).entries[data.ref];
    },
    'grant.mapped': (state, { data }) => {
      const { from, ref, readonly } = data;
      const frame = state[from]?.entries[ref]?.frame ?? 0;
      domainOf(state, data.domid).mappings[data.handle] = { from, ref, frame, readonly };
    },
    'grant.unmapped': (state, { data }) => {
      delete domainOf(state, data.domid).mappings[data.handle];
    },
    'grant.version': (state, { data }) => {
      domainOf(state, data.domid).version = data.version;
    },
    'domain.destroyed': (state, { data }) => {
      delete state[data.domid];
    },
  },
};
