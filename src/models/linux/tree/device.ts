import { hexPad } from '../../../base/hex.js';
import type { FunctionId } from '../../../pci/function-id.js';
import { type Dom0Sbdf, formatSbdf } from '../../../pci/sbdf.js';
import { alignmentOf, contains, flag, has, newResource, type Resource } from './resource.js';

/** Indices of a device's resources. @source include/linux/pci.h of v6.1 */
export const slot = { rom: 6, vf: 7, vfEnd: 12, io: 13, memory: 14, prefetch: 15, count: 17 } as const;

/** A device as Linux has it while it sets up its tree; what outlives an input is written down in the state. */
export interface TreeDevice {
  readonly sbdf: Dom0Sbdf;
  readonly fn: FunctionId;
  readonly bus: TreeBus;
  readonly devfn: number;
  /** Base class and subclass. */
  readonly classCode: number;
  readonly progIf: number;
  /** 0 endpoint, 1 bridge, 2 CardBus. */
  readonly headerType: number;
  multifunction: boolean;
  /** Device/port type of the PCI Express capability and where that is; null: none. */
  readonly express: { readonly at: number; readonly type: number } | null;
  readonly resources: readonly Resource[];
  /** Bus behind a bridge. */
  subordinate: TreeBus | null;
  /** What windows a bridge has; width of the prefetchable one, 0 for none. */
  hasIo: boolean;
  prefetchBits: 0 | 32 | 64;
  hotplug: boolean;
  /** Passes on what no window claims. */
  readonly transparent: boolean;
  /** SR-IOV: place of the capability, number of VFs, last bus they need, size of each BAR of one of them. */
  sriov: {
    readonly at: number;
    readonly total: number;
    readonly lastBus: number;
    readonly sizes: readonly number[];
  } | null;
}

export interface TreeBus {
  readonly segment: number;
  readonly number: number;
  /** Last bus below, itself included. */
  end: number;
  /** Index of the host bridge in the platform. */
  readonly host: number;
  readonly self: TreeDevice | null;
  readonly parent: TreeBus | null;
  /** In the order they were found. */
  devices: TreeDevice[];
  children: TreeBus[];
  /** A root bus' windows, with what a CPU address is ahead of the bus address. */
  readonly windows: readonly { readonly resource: Resource; readonly offset: number }[];
  /** BRIDGE_CONTROL as it stood when the bus was made: written back with the windows. */
  control: number;
}

/** Everything of one segment that is known. */
export interface Tree {
  readonly roots: TreeBus[];
}

export const newResources = (name: string): Resource[] =>
  Array.from({ length: slot.count }, () => newResource(name));

/** As messages name a resource. @source drivers/pci/pci.c of v6.1.192 (pci_resource_name) */
export function resourceName(index: number): string {
  if (index < slot.rom) return `BAR ${index}`;
  if (index === slot.rom) return 'ROM';
  return index <= slot.vfEnd ? `VF BAR ${index - slot.vf}` : 'bridge window';
}

export const isBridge = (device: TreeDevice): boolean => device.headerType === 1 || device.headerType === 2;

/** As `%pR` prints a range of buses. */
export const busRange = (from: number, to: number): string =>
  from === to ? `[bus ${hexPad(from, 2)}]` : `[bus ${hexPad(from, 2)}-${hexPad(to, 2)}]`;

export const busName = (bus: TreeBus): string => `${hexPad(bus.segment, 4)}:${hexPad(bus.number, 2)}`;
export const deviceName = (device: TreeDevice): string => formatSbdf(device.sbdf);

export function rootOf(bus: TreeBus): TreeBus {
  let at = bus;
  while (at.parent !== null) at = at.parent;
  return at;
}

/**
 * What a bus can hand out, with the number messages give it: the bridge's windows, then, behind a bridge that decodes
 * subtractively, all that the bus above has. @source drivers/pci/bus.c, pci_read_bridge_bases of v6.1
 */
export function busResources(
  bus: TreeBus,
): readonly { readonly index: number; readonly resource: Resource }[] {
  const { self, parent } = bus;
  if (self === null || parent === null) {
    return bus.windows.map(({ resource }, i) => ({ index: 4 + i, resource }));
  }
  const own = self.resources.slice(slot.io, slot.io + 4).map((resource, index) => ({ index, resource }));
  if (!self.transparent) return own;
  const above = busResources(parent).filter(({ resource }) => resource.flags !== 0);
  return [...own, ...above.map(({ resource }, i) => ({ index: 4 + i, resource }))];
}

/** The window above that holds a device's resource; null: none, or one for prefetchable memory alone. */
export function parentWindow(bus: TreeBus, one: Resource): Resource | null {
  const found = busResources(bus).find(({ resource }) => contains(resource, one))?.resource ?? null;
  if (found === null) return null;
  return has(found, flag.prefetch) && !has(one, flag.prefetch) ? null : found;
}

/** What an address on the bus is behind the CPU's. @source drivers/pci/host-bridge.c of v6.1 */
export function busOffset(bus: TreeBus, one: Resource): number {
  const { windows } = rootOf(bus);
  return (
    windows.find(({ resource }) => contains(resource, { ...one, flags: one.flags & flag.types }))?.offset ?? 0
  );
}

/** The CPU's range for one on the bus. */
export function toCpu(bus: TreeBus, flags: number, start: number, end: number): number {
  const { windows } = rootOf(bus);
  const type = flags & flag.types;
  const found = windows.find(
    ({ resource, offset }) =>
      (resource.flags & flag.types) === type &&
      start >= resource.start - offset &&
      end <= resource.end - offset,
  );
  return found === undefined ? 0 : found.offset;
}

/** What the place of a device's resource must be a multiple of: for virtual functions the size of one. */
export function alignment({ resources, sriov }: TreeDevice, index: number): number {
  if (index < slot.vf || index > slot.vfEnd) return alignmentOf(resources[index]!);
  return sriov?.sizes[index - slot.vf] ?? 0;
}

/** All devices of a bus and below, each bus before what is behind its bridges. */
export function* walk(bus: TreeBus): Generator<TreeDevice> {
  for (const device of bus.devices) {
    yield device;
    if (device.subordinate !== null) yield* walk(device.subordinate);
  }
}

export function findBus(tree: Tree, segment: number, number: number): TreeBus | null {
  const within = (bus: TreeBus): TreeBus | null => {
    if (bus.segment === segment && bus.number === number) return bus;
    for (const child of bus.children) {
      const found = within(child);
      if (found !== null) return found;
    }
    return null;
  };
  for (const root of tree.roots) {
    const found = within(root);
    if (found !== null) return found;
  }
  return null;
}

export function findDevice(tree: Tree, sbdf: number): TreeDevice | null {
  for (const root of tree.roots) for (const device of walk(root)) if (device.sbdf === sbdf) return device;
  return null;
}
