import { alignment, isBridge, slot, type TreeBus, type TreeDevice } from './device.js';
import { type List, removeFrom } from './extra.js';
import { alignDown, alignUp, flag, has, type Resource, sizeOf } from './resource.js';

/** Space of each kind that a bridge may hand on. */
interface Space {
  io: Range;
  memory: Range;
  prefetch: Range;
}

interface Range {
  start: number;
  end: number;
  readonly flags: number;
}

const size = ({ start, end }: Range): number => end - start + 1;

/**
 * Shares what a port that takes devices later has to spare among such ports below it.
 * @source drivers/pci/setup-bus.c of v6.1.192 (pci_bus_distribute_available_resources)
 */
export function distribute(bridge: TreeDevice, extra: List | null): void {
  if (!bridge.hotplug || bridge.subordinate === null) return;
  const range = (index: number): Range => {
    const { start, end, flags } = bridge.resources[index]!;
    return { start, end, flags };
  };
  share(bridge.subordinate, extra, {
    io: range(slot.io),
    memory: range(slot.memory),
    prefetch: range(slot.prefetch),
  });
}

/** Below the root buses, for bridges that Linux itself gives windows. */
export function distributeAll(bus: TreeBus, extra: List | null): void {
  for (const device of bus.devices) {
    if (!isBridge(device) || device.subordinate === null) continue;
    if (bus.self !== null && isUnplaced(device)) distribute(device, extra);
    else distributeAll(device.subordinate, extra);
  }
}

const isUnplaced = ({ resources }: TreeDevice): boolean =>
  [slot.io, slot.memory, slot.prefetch].every(
    (index) => resources[index]!.flags === 0 || has(resources[index]!, flag.startAlign),
  );

const kindsOf = [
  ['io', slot.io],
  ['memory', slot.memory],
  ['prefetch', slot.prefetch],
] as const;

function share(bus: TreeBus, extra: List | null, space: Space): void {
  const bridge = bus.self;
  if (bridge === null) return;
  for (const [kind, index] of kindsOf) {
    const align = alignment(bridge, index);
    const range = space[kind];
    if (bridge.resources[index]!.parent === null && align !== 0)
      range.start = Math.min(alignUp(range.start, align), range.end + 1);
  }
  for (const [kind, index] of kindsOf) adjust(bridge.resources[index]!, extra, size(space[kind]));
  const bridges = bus.devices.filter(isBridge);
  const hotplug = bridges.filter((one) => one.hotplug);
  if (bridges.length === 0) return;
  for (const device of bus.devices) takeOut(device, space);
  const takers = hotplug.length > 0 ? hotplug : bridges;
  const each = kindsOf.map(([kind]) => Math.floor(size(space[kind]) / takers.length));
  for (const one of takers) {
    if (one.subordinate === null) continue;
    kindsOf.forEach(([kind, index], i) => {
      const window = one.resources[index]!;
      const align = alignment(one, index);
      const range = space[kind];
      range.end = range.start + (align === 0 ? each[i]! : alignDown(each[i]!, align)) - 1;
      range.start -= sizeOf(window);
    });
    share(one.subordinate, extra, {
      io: { ...space.io },
      memory: { ...space.memory },
      prefetch: { ...space.prefetch },
    });
    for (const [kind] of kindsOf) space[kind].start += space[kind].end + 1;
  }
}

/** A window without a place becomes as large as what there is for it. */
function adjust(window: Resource, extra: List | null, newSize: number): void {
  if (window.parent !== null || newSize === 0 || newSize === sizeOf(window)) return;
  window.end = window.start + newSize - 1;
  if (extra !== null) removeFrom(extra, window);
}

function takeOut(device: TreeDevice, space: Space): void {
  device.resources.forEach((one, index) => {
    const needed = sizeOf(one);
    if (needed === 0) return;
    const type = one.flags & flag.types;
    if (type !== flag.io && type !== flag.mem) return;
    const isPrefetch =
      has(one, flag.prefetch) && (one.flags & flag.mem64) === (space.prefetch.flags & flag.mem64);
    const range = type === flag.io ? space.io : isPrefetch ? space.prefetch : space.memory;
    const align = alignment(device, index);
    const gap = align === 0 ? 0 : alignUp(range.start, align) - range.start;
    range.start = Math.min(range.start + gap + needed, range.end + 1);
  });
}
