import type { Slice } from './slice.js';

/** A present context entry. */
export interface ContextEntry {
  root: 'domain' | 'pass-through' | 'quarantine' | 'scratch-page';
  /** Whose page table; null: none of a domain. */
  domid: number | null;
  /** The requester itself, or a bridge's id that stands for devices behind it. */
  stands: 'function' | 'bridge' | 'behind-bridge';
}

export interface VtdState {
  /** By requester, as Xen names it; an absent entry faults. */
  contexts: Record<number, ContextEntry>;
  /** Buses that have a context table, as segment * 256 + bus: once made, it stays. */
  buses: Record<number, true>;
  /** Faults Xen counts per device until it stops it. @source xen/drivers/passthrough/pci.c (pci_check_disable_device) */
  faults: Record<number, { count: number; lastNs: number }>;
}

/** A burst that pauses for longer counts half. */
const PAUSE_NS = 10_000_000;

/** VT-d as Xen programmed it. @source xen/drivers/passthrough/vtd/iommu.c */
export const vtdSlice: Slice<VtdState> = {
  initial: () => ({ contexts: {}, buses: {}, faults: {} }),
  on: {
    'vtd.programmed': (vtd, { data }) => {
      const { requester, root, domid, stands } = data;
      if (root === 'none') delete vtd.contexts[requester];
      else {
        vtd.contexts[requester] = { root, domid, stands };
        vtd.buses[Math.floor(requester / 256)] = true;
      }
    },
    'vtd.faulted': (vtd, { data, atNs }) => {
      vtd.faults[data.requester] ??= { count: 0, lastNs: atNs };
      const seen = vtd.faults[data.requester]!;
      if (atNs < seen.lastNs || atNs - seen.lastNs > PAUSE_NS) seen.count >>= 1;
      seen.lastNs = atNs;
      seen.count += 1;
    },
    // A new owner starts with a clean record.
    'device.assigned': (vtd, { data }) => {
      delete vtd.faults[data.sbdf];
    },
    'device.unregistered': (vtd, { data }) => {
      delete vtd.faults[data.sbdf];
    },
  },
};
