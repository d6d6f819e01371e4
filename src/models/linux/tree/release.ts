import { slot, type TreeBus, type TreeDevice } from './device.js';
import type { List } from './extra.js';
import { writeWindows } from './program.js';
import { describe, flag, has, release, releaseInside, setRange, sizeOf } from './resource.js';
import type { Work } from './work.js';

/**
 * After a failed try: windows that are in the way are let go with everything in them, of bridges at the ends of the
 * tree or, later, of whole subtrees; then what failed is as it was asked for.
 * @source drivers/pci/setup-bus.c of v6.1 (pci_assign_unassigned_root_bus_resources, pci_bus_release_bridge_resources)
 */
export function makeRoom(work: Work, failed: List, wholeSubtrees: boolean): void {
  for (const { device, flags } of failed) letGo(work, device.bus, flags & kinds, wholeSubtrees);
  for (const { device, index, one, start, end, flags } of failed) {
    one.start = start;
    one.end = end;
    one.flags = device.headerType !== 0 && index >= slot.io ? 0 : flags;
  }
}

const kinds = flag.io | flag.mem | flag.prefetch | flag.mem64;

function letGo(work: Work, bus: TreeBus, kind: number, wholeSubtrees: boolean): void {
  let isLeaf = true;
  for (const device of bus.devices) {
    if (device.subordinate === null) continue;
    isLeaf = false;
    if (device.classCode === 0x0604 && wholeSubtrees) letGo(work, device.subordinate, kind, wholeSubtrees);
  }
  const { self } = bus;
  if (self === null || self.classCode !== 0x0604) return;
  if (wholeSubtrees || isLeaf) letWindowGo(work, bus, self, kind);
}

function letWindowGo(work: Work, bus: TreeBus, bridge: TreeDevice, kind: number): void {
  const index = windowFor(bridge, kind);
  const one = bridge.resources[index]!;
  if (one.parent === null) return;
  releaseInside(one);
  release(one);
  const flags = one.flags & kinds;
  work.log(bridge, `resource ${index} ${describe(one)} released`);
  setRange(one, 0, sizeOf(one));
  one.flags = 0;
  writeWindows(
    work,
    bus,
    has({ ...one, flags }, flag.prefetch) ? 'prefetch' : index === slot.io ? 'io' : 'memory',
  );
  one.flags = flags;
  work.keep(bridge, index);
}

/** Prefetchable memory counts with the window it would have gone to. */
function windowFor({ resources }: TreeDevice, kind: number): number {
  const prefetch = resources[slot.prefetch]!;
  if ((kind & flag.io) !== 0) return slot.io;
  if ((kind & flag.prefetch) === 0) return slot.memory;
  if ((kind & flag.mem64) !== 0 && has(prefetch, flag.mem64)) return slot.prefetch;
  return !has(prefetch, flag.mem64) && has(prefetch, flag.prefetch) ? slot.prefetch : slot.memory;
}
