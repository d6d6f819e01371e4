import {
  alignment,
  busRange,
  busResources,
  deviceName,
  resourceName,
  slot,
  type TreeBus,
  type TreeDevice,
} from './device.js';
import { addedTo, addTo, type List, listed } from './extra.js';
import { alignUp, allocate, flag, has, newResource, type Resource, setRange, sizeOf } from './resource.js';
import type { Work } from './work.js';

/** Room kept behind a port that can take a device later. @source drivers/pci/pci.c of v6.1 */
const hotplugRoom = { io: 256, memory: 0x20_0000, prefetch: 0x20_0000 } as const;
const MEMORY_GRANULE = 0x10_0000;
const IO_GRANULE = 0x1000;
/** Alignments from 1 MiB to 8 TiB are told apart. */
const ALIGNMENTS = 24;

/**
 * How large the windows of all bridges below a bus must be, from the leaves up. What is merely good to have goes onto
 * `extra`; without such a list it counts as needed. A window that has a place stays as it is.
 * @source drivers/pci/setup-bus.c of v6.1 (__pci_bus_size_bridges)
 */
export function sizeWindows(work: Work, bus: TreeBus, extra: List | null): void {
  for (const { subordinate } of bus.devices) {
    if (subordinate !== null && subordinate.self?.headerType !== 2) sizeWindows(work, subordinate, extra);
  }
  const { self } = bus;
  if (self === null || self.headerType !== 1) return;
  offerWindows(self);
  const room = self.hotplug ? hotplugRoom : { io: 0, memory: 0, prefetch: 0 };
  sizeIo(work, bus, self, room.io, extra);
  const prefetch = self.resources[slot.prefetch]!;
  const { mem, prefetch: pref, mem64 } = flag;
  let memoryRoom: number = room.memory;
  let mask: number = mem;
  let others: readonly number[] = [mem];
  let sized = false;
  if (has(prefetch, mem64)) {
    const all = mem | pref | mem64;
    if (sizeMemory(work, bus, self, all, all, [all], room.prefetch, extra)) {
      sized = true;
      mask = all;
      // 32-bit prefetchable memory and 64-bit memory that is not prefetchable go with the rest.
      others = [mem, mem | pref, mem | mem64];
    }
  }
  if (!sized) {
    const both = mem | pref;
    if (sizeMemory(work, bus, self, both, both, [both], room.prefetch, extra)) mask = both;
    else memoryRoom += room.prefetch;
  }
  sizeMemory(work, bus, self, mask, mem, others, memoryRoom, extra);
}

/** Every window a bridge has may be used. */
function offerWindows(bridge: TreeDevice): void {
  bridge.resources[slot.memory]!.flags |= flag.mem;
  if (bridge.hasIo) bridge.resources[slot.io]!.flags |= flag.io;
  if (bridge.prefetchBits === 0) return;
  bridge.resources[slot.prefetch]!.flags |= flag.mem | flag.prefetch;
  if (bridge.prefetchBits === 64) bridge.resources[slot.prefetch]!.flags |= flag.mem64 | 1;
}

/** The window of a kind that is still without a place, else one that has its place. */
function windowOf(
  bus: TreeBus,
  mask: number,
  kind: number,
): { index: number; one: Resource; placed: boolean } | null {
  const fits = busResources(bus).filter(({ resource }) => (resource.flags & mask) === kind);
  const found = fits.find((one) => !isPlaced(one)) ?? fits[0];
  if (found === undefined) return null;
  return { index: slot.io + found.index, one: found.resource, placed: isPlaced(found) };
}

/** What a bus has from above has its place already. */
const isPlaced = ({ index, resource }: { index: number; resource: Resource }): boolean =>
  index >= 4 || resource.parent !== null;

/** @source drivers/pci/setup-bus.c of v6.1 (calculate_memsize, calculate_iosize) */
function windowSize(
  needed: number,
  minimum: number,
  good: number,
  goodBelow: number,
  before: number,
  align: number,
): number {
  const size = Math.max(Math.max(needed, minimum), good) + goodBelow;
  return alignUp(Math.max(size, before === 1 ? 0 : before), align);
}

function sizeIo(work: Work, bus: TreeBus, self: TreeDevice, room: number, extra: List | null): void {
  const window = windowOf(bus, flag.io, flag.io);
  if (window === null || window.placed) return;
  const { one, index } = window;
  let align = IO_GRANULE;
  let [small, large, goodBelow] = [0, 0, 0];
  for (const device of bus.devices) {
    device.resources.forEach((resource, i) => {
      if (resource.parent !== null || !has(resource, flag.io)) return;
      if (sizeOf(resource) < 0x400) small += sizeOf(resource);
      else large += sizeOf(resource);
      align = Math.max(align, alignment(device, i));
      goodBelow += addedTo(extra, resource)?.addBytes ?? 0;
    });
  }
  const needed = Math.max(small, extra === null ? room : 0) + large;
  const before = sizeOf(one);
  const least = windowSize(needed, 0, 0, 0, before, align);
  const wanted =
    extra === null || (room === 0 && goodBelow === 0)
      ? least
      : windowSize(needed, 0, room, goodBelow, before, align);
  if (least === 0 && wanted === 0) return unused(work, bus, self, one);
  setRange(one, align, least);
  one.flags |= flag.startAlign;
  if (extra === null || wanted <= least) return;
  addTo(extra, listed(self, index, wanted - least, align));
  work.log(
    self,
    `bridge window ${work.text(one)} to ${busRange(bus.number, bus.end)} add_size ${(wanted - least).toString(16)}`,
  );
}

function unused(work: Work, bus: TreeBus, self: TreeDevice, one: Resource): void {
  if (one.start !== 0 || one.end !== 0) {
    work.log(self, `disabling bridge window ${work.text(one)} to ${busRange(bus.number, bus.end)} (unused)`);
  }
  one.flags = 0;
}

/**
 * The alignment that lets all children fit: half of an alignment is enough when what is smaller does not fill it.
 * @param sums Sizes by alignment, from 1 MiB up. @source drivers/pci/setup-bus.c of v6.1 (calculate_mem_align)
 */
function leastAlignment(sums: readonly number[], highest: number): number {
  let sum = 0;
  let least = 0;
  for (let order = 0; order <= highest; order++) {
    const align = MEMORY_GRANULE * 2 ** order;
    if (sum === 0) least = align;
    else if (alignUp(sum + least, least) < align) least = align / 2;
    sum += sums[order]!;
  }
  return least;
}

/** @returns whether the bridge has such a window. @source drivers/pci/setup-bus.c of v6.1 (pbus_size_mem) */
function sizeMemory(
  work: Work,
  bus: TreeBus,
  self: TreeDevice,
  mask: number,
  kind: number,
  taken: readonly number[],
  room: number,
  extra: List | null,
): boolean {
  const window = windowOf(bus, mask | flag.prefetch, kind);
  if (window === null) return false;
  const { one, index } = window;
  if (window.placed) return true;
  const sums: number[] = Array.from({ length: ALIGNMENTS }, () => 0);
  let [highest, needed, goodBelow, goodAlign] = [0, 0, 0, 0];
  for (const device of bus.devices) {
    device.resources.forEach((resource, i) => {
      if (resource.parent !== null || isFixed(resource)) return;
      if (![kind, ...taken].includes(resource.flags & mask)) return;
      const size = sizeOf(resource);
      const align = alignment(device, i);
      if (extra !== null && i >= slot.vf && i <= slot.vfEnd) {
        // Room for virtual functions is good to have.
        goodAlign = Math.max(goodAlign, align);
        resource.end = resource.start - 1;
        addTo(extra, listed(device, i, size, 0));
        goodBelow += size;
        return;
      }
      const order = Math.max(Math.log2(lowestBit(align) / MEMORY_GRANULE), 0);
      if (order >= ALIGNMENTS) {
        const text = `disabling; bad alignment 0x${align.toString(16)}`;
        work.log(device, `${resourceName(i)} ${work.text(resource)}: ${text}`);
        resource.flags = 0;
        return;
      }
      needed += Math.max(size, align);
      if (size <= align) sums[order]! += align;
      highest = Math.max(highest, order);
      const below = addedTo(extra, resource);
      goodBelow += below?.addBytes ?? 0;
      goodAlign = Math.max(goodAlign, below?.alignBytes ?? 0);
    });
  }
  let align = Math.max(leastAlignment(sums, highest), MEMORY_GRANULE);
  const minimum = extra === null ? room : 0;
  const before = sizeOf(one);
  let least = windowSize(needed, minimum, 0, 0, before, align);
  goodAlign = Math.max(align, goodAlign);
  if (
    least !== 0 &&
    work.has('relaxes-window-alignment') &&
    !fitsAbove(work, bus, mask | flag.prefetch, kind, least, goodAlign)
  ) {
    align = Math.max(MEMORY_GRANULE * 2 ** highest, MEMORY_GRANULE);
    least = windowSize(needed, minimum, 0, 0, before, MEMORY_GRANULE);
    const range = busRange(bus.number, bus.end);
    work.log(self, `bridge window ${work.text(one)} to ${range} requires relaxed alignment rules`);
  }
  const wanted =
    extra === null || (room === 0 && goodBelow === 0)
      ? least
      : windowSize(needed, minimum, room, goodBelow, before, goodAlign);
  if (least === 0 && wanted === 0) {
    unused(work, bus, self, one);
    return true;
  }
  setRange(one, align, least);
  one.flags |= flag.startAlign;
  if (extra === null || wanted <= least) return true;
  addTo(extra, listed(self, index, wanted - least, goodAlign));
  const added = `add_size ${(wanted - least).toString(16)} add_align ${goodAlign.toString(16)}`;
  work.log(self, `bridge window ${work.text(one)} to ${busRange(bus.number, bus.end)} ${added}`);
  return true;
}

/** Whether windows above that have their place can hold a window of this size. @source setup-bus.c of v6.12 (pbus_upstream_space_available) */
function fitsAbove(
  work: Work,
  bus: TreeBus,
  mask: number,
  kind: number,
  size: number,
  align: number,
): boolean {
  for (let at = bus.parent; at !== null && at.self !== null; at = at.parent) {
    const found = busResources(at).find((one) => isPlaced(one) && (one.resource.flags & mask) === kind);
    if (found !== undefined) {
      const window = found.resource;
      const children = window.children;
      const gap = newResource('', window.flags & flag.types);
      window.children = [...children];
      const constraint = { min: 0, max: Number.MAX_SAFE_INTEGER, align, adjust: (start: number) => start };
      const fits = sizeOf(window) >= size && allocate(window, gap, size, constraint);
      window.children = children;
      if (fits) return true;
      const need = `cannot fit 0x${size.toString(16)} required for ${nameOf(bus)}`;
      work.log(
        at.self,
        `Assigned bridge window ${work.text(window)} to ${busRange(at.number, at.end)} ${need} bridging to ${busRange(bus.number, bus.end)}`,
      );
      return false;
    }
  }
  return true;
}

const nameOf = ({ self }: TreeBus): string => (self === null ? '' : deviceName(self));
const isFixed = (one: Resource): boolean => has(one, flag.fixed);
const lowestBit = (value: number): number => {
  let bit = 1;
  while (bit < value && value % (bit * 2) === 0) bit *= 2;
  return bit;
};
