import type { Slice } from './slice.js';

/** A piece of machine memory. */
export interface MachineMemory {
  address: number;
  sizeBytes: number;
  /** null: Xen's own. */
  owner: number | null;
  use: 'ram' | 'page-table';
}

/** In the order of giving; the last piece that covers an address says whose it is. */
export type MemoryState = MachineMemory[];

/** Whose machine memory is whose, for domains that see machine addresses and for Xen. */
export const memorySlice: Slice<MemoryState> = {
  initial: () => [],
  on: {
    'memory.given': (memory, { data }) => {
      const { address, sizeBytes, owner, use } = data;
      memory.push({ address, sizeBytes, owner, use });
    },
    'domain.destroyed': (memory, { data }) => {
      for (let i = memory.length - 1; i >= 0; i--) if (memory[i]!.owner === data.domid) memory.splice(i, 1);
    },
  },
};
