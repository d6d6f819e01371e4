import type { Slice } from './slice.js';

/** A resource of a device as Linux has it; what it holds, and whether it has a place in the tree of resources. */
export interface LinuxResource {
  start: number;
  sizeBytes: number;
  flags: number;
  placed: boolean;
}

/** What Linux learned of a bridge by trying. */
export interface LinuxBridge {
  io: boolean;
  prefetchBits: 0 | 32 | 64;
  hotplug: boolean;
}

export interface LinuxBus {
  segment: number;
  number: number;
  end: number;
  host: number;
  /** Name of the bridge it is behind; null: a root bus. */
  bridge: number | null;
  control: number;
}

/** Buses and resources of the hardware domain's Linux. */
export interface LinuxTreeState {
  /** In the order they were made. */
  buses: LinuxBus[];
  /** Names in the order they were found. */
  order: number[];
  /** By name, then by index of the resource. */
  resources: Record<number, Record<number, LinuxResource>>;
  bridges: Record<number, LinuxBridge>;
  /** Last bus the virtual functions of a physical one need. */
  vfBuses: Record<number, number>;
}

const prefetchBits = { none: 0, '32': 32, '64': 64 } as const;

export const linuxTreeSlice: Slice<LinuxTreeState> = {
  initial: () => ({ buses: [], order: [], resources: {}, bridges: {}, vfBuses: {} }),
  on: {
    'linux.bus-changed': (tree, { data }) => {
      const { segment, bus: number, last: end, host, bridge, control } = data;
      const next: LinuxBus = { segment, number, end, host, bridge, control };
      const at = tree.buses.findIndex((one) => one.segment === segment && one.number === number);
      if (at < 0) tree.buses.push(next);
      else tree.buses[at] = next;
    },
    'linux.bus-removed': (tree, { data }) => {
      tree.buses = tree.buses.filter((one) => one.segment !== data.segment || one.number !== data.bus);
    },
    'linux.listed': (tree, { data }) => {
      tree.order.push(data.sbdf);
    },
    'linux.removed': (tree, { data }) => {
      tree.order = tree.order.filter((one) => one !== data.sbdf);
      delete tree.resources[data.sbdf];
      delete tree.bridges[data.sbdf];
      delete tree.vfBuses[data.sbdf];
    },
    'linux.bridge-learned': (tree, { data }) => {
      const { sbdf, io, prefetch, hotplug } = data;
      tree.bridges[sbdf] = { io, prefetchBits: prefetchBits[prefetch], hotplug };
    },
    'linux.vfs-learned': (tree, { data }) => {
      tree.vfBuses[data.sbdf] = data.lastBus;
    },
    'linux.resource-changed': (tree, { data }) => {
      const { sbdf, index, start, sizeBytes, flags, placed } = data;
      tree.resources[sbdf] ??= {};
      tree.resources[sbdf][index] = { start, sizeBytes, flags, placed };
    },
  },
};
