import { hex } from '../../../base/hex.js';
import {
  alignment,
  busOffset,
  busResources,
  resourceName,
  slot,
  type TreeBus,
  type TreeDevice,
} from './device.js';
import { writeBar } from './program.js';
import {
  allocate,
  claim,
  contains,
  describe,
  flag,
  has,
  type Resource,
  setRange,
  sizeOf,
} from './resource.js';
import type { Work } from './work.js';

const FOUR_GIB = 0x1_0000_0000;
/** Ports below are the board's. @source arch headers of v6.1 (PCIBIOS_MIN_IO) */
const FIRST_PORT = 0x1000;

/** The old wording of messages about resources; stable series took the new one over late. */
const isOldWording = (work: Work): boolean => !work.has('says-resources-the-new-way');

/**
 * Gives a resource a place in one of its bus' windows and writes it into its register.
 * @returns whether it has one. @source drivers/pci/setup-res.c of v6.1 (pci_assign_resource)
 */
export function assign(work: Work, device: TreeDevice, index: number): boolean {
  const one = device.resources[index]!;
  if (has(one, flag.fixed)) return true;
  one.flags |= flag.unset;
  const align = alignment(device, index);
  const name = resourceName(index);
  if (align === 0) {
    work.log(device, `${name} ${describe(one)}: can't assign; bogus alignment`);
    return false;
  }
  const size = sizeOf(one);
  if (!placeSomewhere(work, device, one, size, align)) {
    say(work, device, index, 'no space');
    if (!backToFirmware(work, device, index, size)) {
      say(work, device, index, 'failed');
      return false;
    }
  }
  one.flags &= ~(flag.unset | flag.startAlign);
  say(work, device, index, 'assigned');
  work.keep(device, index);
  if (index < slot.io) writeBar(work, device, index);
  return true;
}

function say(work: Work, device: TreeDevice, index: number, what: 'no space' | 'failed' | 'assigned'): void {
  const text = describe(device.resources[index]!);
  if (isOldWording(work)) {
    const verb = { 'no space': 'no space for', failed: 'failed to assign', assigned: 'assigned' }[what];
    work.log(device, `BAR ${index}: ${verb} ${text}`);
    return;
  }
  const verb = { 'no space': "can't assign; no space", failed: 'failed to assign', assigned: 'assigned' }[
    what
  ];
  work.log(device, `${resourceName(index)} ${text}: ${verb}`);
}

/**
 * What good to have is added to a resource that has a place; it grows, or moves while nothing lies in it.
 * @source drivers/pci/setup-res.c of v6.1 (pci_reassign_resource)
 */
export function expand(
  work: Work,
  device: TreeDevice,
  index: number,
  addBytes: number,
  align: number,
): boolean {
  const one = device.resources[index]!;
  if (has(one, flag.fixed)) return true;
  const { flags } = one;
  one.flags |= flag.unset;
  const name = resourceName(index);
  if (one.parent === null) {
    work.log(device, `${name} ${describe(one)}: can't reassign; unassigned resource`);
    return false;
  }
  if (!placeSomewhere(work, device, one, sizeOf(one) + addBytes, align)) {
    one.flags = flags;
    work.log(device, `${name} ${describe(one)}: failed to expand by ${hex(addBytes)}`);
    return false;
  }
  one.flags &= ~(flag.unset | flag.startAlign);
  work.log(device, `${name} ${describe(one)}: reassigned; expanded by ${hex(addBytes)}`);
  work.keep(device, index);
  if (index < slot.io) writeBar(work, device, index);
  return true;
}

/** Behind a bridge that decodes subtractively what is above may serve too. */
function placeSomewhere(work: Work, device: TreeDevice, one: Resource, size: number, align: number): boolean {
  for (let bus: TreeBus = device.bus; ; ) {
    if (place(work, bus, one, size, align)) return true;
    if (bus.parent === null || bus.self?.transparent !== true) return false;
    bus = bus.parent;
  }
}

/**
 * A window of exactly the resource's kind first; 64-bit prefetchable memory then takes a 32-bit prefetchable window, and
 * what is prefetchable or 64-bit at last one for plain memory. @source drivers/pci/setup-res.c of v6.1 (__pci_assign_resource)
 */
function place(work: Work, bus: TreeBus, one: Resource, size: number, align: number): boolean {
  const both = flag.prefetch | flag.mem64;
  if (placeIn(work, bus, one, size, align, both)) return true;
  if ((one.flags & both) === both && placeIn(work, bus, one, size, align, flag.prefetch)) return true;
  return has(one, both) && placeIn(work, bus, one, size, align, 0);
}

/** Memory of 64 bits goes above 4 GiB when it can. @source drivers/pci/bus.c of v6.1 (pci_bus_alloc_resource) */
function placeIn(
  work: Work,
  bus: TreeBus,
  one: Resource,
  size: number,
  align: number,
  kind: number,
): boolean {
  if (!has(one, flag.mem64)) return placeBetween(work, bus, one, size, align, kind, 0, FOUR_GIB - 1);
  const top = Number.POSITIVE_INFINITY;
  return (
    placeBetween(work, bus, one, size, align, kind, FOUR_GIB, top) ||
    placeBetween(work, bus, one, size, align, kind, 0, top)
  );
}

function placeBetween(
  work: Work,
  bus: TreeBus,
  one: Resource,
  size: number,
  align: number,
  kind: number,
  from: number,
  to: number,
): boolean {
  const mask = kind | flag.types;
  for (const { resource: window } of busResources(bus)) {
    if (((one.flags ^ window.flags) & mask) !== 0) continue;
    if (has(window, flag.prefetch) && !has(one, flag.prefetch)) continue;
    const offset = busOffset(bus, window);
    const start = Math.max(window.start - offset, from) + offset;
    const max = Math.min(window.end - offset, to) + offset;
    const isEmpty = max < start;
    const min = !isEmpty && start !== 0 ? start : has(one, flag.io) ? FIRST_PORT : 0;
    if (isEmpty) continue;
    if (allocate(window, one, size, { min, max, align, adjust: (at) => adjusted(work, at, one) }))
      return true;
  }
  return false;
}

/** On x86 cards that decode ten bits of a port, and the first megabyte, are kept clear of. @source arch/x86/pci/i386.c of v6.1 */
function adjusted(work: Work, start: number, one: Resource): number {
  if (!work.isX86) return start;
  if (has(one, flag.io)) return (start & 0x300) !== 0 ? (start + 0x3ff) & ~0x3ff : start;
  return Math.max(start, 0x10_0000);
}

/** On x86 the place firmware had given is better than none. @source drivers/pci/setup-res.c of v6.1 (pci_revert_fw_address) */
function backToFirmware(work: Work, device: TreeDevice, index: number, size: number): boolean {
  const address = work.firmwareAddress(device, index);
  if (address === 0) return false;
  const one = device.resources[index]!;
  const { start, end } = one;
  setRange(one, address, size);
  one.flags &= ~flag.unset;
  const above = busResources(device.bus).find(({ resource }) => contains(resource, one))?.resource ?? null;
  if (above === null && device.bus.self !== null) return false;
  work.log(device, `${resourceName(index)}: trying firmware assignment ${describe(one)}`);
  const conflict = above === null ? null : claim(above, one);
  if (conflict === null) return above !== null;
  work.log(
    device,
    `${resourceName(index)} ${describe(one)}: conflicts with ${conflict.name} ${describe(conflict)}`,
  );
  one.start = start;
  one.end = end;
  one.flags |= flag.unset;
  return false;
}
