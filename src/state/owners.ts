import type { Slice } from './slice.js';

/** Who owns the hardware and who runs the toolstack, once the design has settled it. */
export interface OwnersState {
  /** False for recordings that say themselves which domain is which. */
  settled: boolean;
  /** Domain whose Linux drives the host bridges; null: none has them. */
  owner: number | null;
  /** Domain of the toolstack; null: nobody runs one. */
  toolstack: number | null;
  /** Why the machine is down; null: it runs. */
  down: string | null;
}

export const ownersSlice: Slice<OwnersState> = {
  initial: () => ({ settled: false, owner: null, toolstack: null, down: null }),
  on: {
    'owner.chosen': (owners, { data }) => {
      owners.settled = true;
      owners.owner = data.owner;
      owners.toolstack = data.toolstack;
      owners.down = null;
    },
    'owner.went': (owners) => {
      owners.owner = null;
    },
    'system.reset': (owners, { data }) => {
      Object.assign(owners, { settled: true, owner: null, toolstack: null, down: data.reason });
    },
  },
};
