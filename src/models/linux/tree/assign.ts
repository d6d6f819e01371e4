import { assign, expand } from './allocate.js';
import {
  alignment,
  busResources,
  isBridge,
  resourceName,
  slot,
  type TreeBus,
  type TreeDevice,
} from './device.js';
import { addedTo, addTo, type List, type Listed, listed, removeFrom } from './extra.js';
import { writeWindows } from './program.js';
import { claim, contains, flag, has, type Resource, release, setRange, sizeOf } from './resource.js';
import type { Work } from './work.js';

/**
 * Gives places to everything on a bus, the largest alignment first, then to what is behind its bridges; a bridge no
 * driver has enabled yet then gets its windows written.
 * @param extra What would be good to have, from sizing; worked off here. Null: nothing of the kind.
 * @param failed Gets what found no place. Null: nobody asks.
 * @source drivers/pci/setup-bus.c of v6.1 (__pci_bus_assign_resources)
 */
export function assignBus(work: Work, bus: TreeBus, extra: List | null, failed: List | null): void {
  const sorted: Sorted[] = [];
  for (const device of bus.devices) addSorted(work, sorted, device);
  assignSorted(work, sorted, extra, failed);
  for (const device of bus.devices) {
    placeFixed(device);
    const { subordinate } = device;
    if (subordinate === null) continue;
    assignBus(work, subordinate, extra, failed);
    if (device.headerType === 1 && !work.isEnabled(device)) writeWindows(work, subordinate, 'all');
  }
}

/** The same for a bridge that is set up alone: its own resources, then everything behind it. @source setup-bus.c (__pci_bridge_assign_resources) */
export function assignBridge(work: Work, bridge: TreeDevice, extra: List | null, failed: List | null): void {
  const sorted: Sorted[] = [];
  addSorted(work, sorted, bridge);
  assignSorted(work, sorted, extra, failed);
  if (bridge.subordinate === null) return;
  assignBus(work, bridge.subordinate, extra, failed);
  if (isBridge(bridge) && bridge.headerType === 1) writeWindows(work, bridge.subordinate, 'all');
}

interface Sorted {
  readonly device: TreeDevice;
  readonly index: number;
  readonly one: Resource;
}

/** Host bridges, devices without a class and interrupt controllers that firmware runs are left alone. */
function addSorted(work: Work, sorted: Sorted[], device: TreeDevice): void {
  const { classCode } = device;
  if (classCode === 0 || classCode === 0x0600) return;
  if (classCode === 0x0800 && (work.read(device, 0x04, 2) & 3) !== 0) return;
  device.resources.forEach((one, index) => {
    if (has(one, flag.fixed) || one.flags === 0 || one.parent !== null) return;
    const align = alignment(device, index);
    if (align === 0) {
      work.log(device, `BAR ${index}: ${work.text(one)} has bogus alignment`);
      return;
    }
    const at = sorted.findIndex((other) => align > alignment(other.device, other.index));
    sorted.splice(at < 0 ? sorted.length : at, 0, { device, index, one });
  });
}

/**
 * First everything with what is good to have. If something finds no place, what stands in its way is let go, the needed
 * sizes are placed, and then each gets more where there is more. @source setup-bus.c (__assign_resources_sorted)
 */
function assignSorted(work: Work, sorted: Sorted[], extra: List | null, failed: List | null): void {
  let left = sorted;
  if (extra !== null && extra.length > 0) {
    const saved = left.map(({ device, index }) => listed(device, index));
    left = enlarge(left, extra);
    const refused: List = [];
    assignNeeded(work, left, refused);
    if (refused.length === 0) {
      for (const { one } of left) removeFrom(extra, one);
      return;
    }
    left = giveBack(left, saved, refused, extra);
  }
  assignNeeded(work, left, failed);
  if (extra !== null) assignExtra(work, left, extra);
}

/** Adds what is good to have; a larger alignment moves a window forward in the order. */
function enlarge(sorted: readonly Sorted[], extra: List): Sorted[] {
  const result = [...sorted];
  for (const entry of sorted) {
    const { one } = entry;
    const good = addedTo(extra, one);
    one.end += good?.addBytes ?? 0;
    if (!has(one, flag.startAlign)) continue;
    const align = good?.alignBytes ?? 0;
    if (align <= one.start) continue;
    setRange(one, align, sizeOf(one));
    const before = result.findIndex((other) => align > alignment(other.device, other.index));
    if (before < 0) continue;
    const target = result[before]!;
    if (target === entry) continue;
    result.splice(result.indexOf(entry), 1);
    result.splice(result.indexOf(target), 0, entry);
  }
  return result;
}

/** What kept a place and does not stand in the way of what failed stays; the rest is as it was before. */
function giveBack(sorted: readonly Sorted[], saved: readonly Listed[], refused: List, extra: List): Sorted[] {
  const kinds = refused.reduce((all, { flags }) => all | flags, 0) & (flag.io | flag.mem | flag.prefetch);
  const left: Sorted[] = [];
  const kept = new Set<Resource>();
  for (const entry of sorted) {
    if (entry.one.parent !== null && !isInTheWay(kinds, entry.one)) {
      removeFrom(extra, entry.one);
      kept.add(entry.one);
    } else left.push(entry);
  }
  for (const { one } of left) if (one.parent !== null) release(one);
  for (const { one, start, end, flags } of saved) {
    if (!kept.has(one)) Object.assign(one, { start, end, flags });
  }
  return left;
}

function isInTheWay(kinds: number, one: Resource): boolean {
  if (has(one, flag.io)) return (kinds & flag.io) !== 0;
  if (has(one, flag.prefetch)) {
    if ((kinds & flag.prefetch) !== 0) return true;
    return (kinds & flag.mem) !== 0 && one.parent !== null && !has(one.parent, flag.prefetch);
  }
  return has(one, flag.mem) && (kinds & flag.mem) !== 0;
}

function assignNeeded(work: Work, sorted: readonly Sorted[], failed: List | null): void {
  for (const { device, index, one } of sorted) {
    if (sizeOf(one) === 0 || assign(work, device, index)) continue;
    const isIdleRom = index === slot.rom && !has(one, flag.romEnable);
    if (failed !== null && !isIdleRom) addTo(failed, listed(device, index));
    forget(one);
    work.keep(device, index);
  }
}

function forget(one: Resource): void {
  one.start = 0;
  one.end = 0;
  one.flags = 0;
}

/** @source setup-bus.c (reassign_resources_sorted) */
function assignExtra(work: Work, sorted: readonly Sorted[], extra: List): void {
  for (const good of [...extra]) {
    const { device, index, one, addBytes, alignBytes, flags } = good;
    if (one.flags !== 0) {
      if (!sorted.some((entry) => entry.one === one)) continue;
      if (sizeOf(one) === 0) {
        setRange(one, alignBytes, addBytes);
        if (!assign(work, device, index)) {
          forget(one);
          work.keep(device, index);
        }
      } else {
        one.flags |= flags & (flag.startAlign | flag.sizeAlign);
        if (!expand(work, device, index, addBytes, alignBytes)) {
          work.log(
            device,
            `${resourceName(index)} ${work.text(one)}: failed to add ${addBytes.toString(16)}`,
          );
        }
      }
    }
    removeFrom(extra, one);
  }
}

/** What may not move takes its place in the first window above that has it. @source setup-bus.c (pdev_assign_fixed_resources) */
function placeFixed(device: TreeDevice): void {
  const mask = flag.io | flag.mem | flag.prefetch;
  for (const one of device.resources) {
    if (one.parent !== null || !has(one, flag.fixed) || !has(one, flag.io | flag.mem)) continue;
    for (let bus: TreeBus | null = device.bus; bus !== null && one.parent === null; bus = bus.parent) {
      for (const { resource } of busResources(bus)) {
        if ((one.flags & mask) === (resource.flags & mask) && contains(resource, one) && one.parent === null)
          claim(resource, one);
      }
    }
  }
}
