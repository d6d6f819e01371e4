import { busResources, parentWindow, resourceName, slot, type TreeBus, type TreeDevice } from './device.js';
import { writeWindow } from './program.js';
import { claim, describe, flag, has, setRange, sizeOf } from './resource.js';
import { readWindows } from './scan.js';
import type { Work } from './work.js';

/**
 * Takes a resource as it stands: the window above that holds it becomes its parent.
 * @source drivers/pci/setup-res.c of v6.1 (pci_claim_resource)
 */
export function claimResource(work: Work, device: TreeDevice, index: number): boolean {
  const one = device.resources[index]!;
  const name = resourceName(index);
  if (has(one, flag.unset)) {
    work.log(device, `${name} ${describe(one)}: can't claim; no address assigned`);
    return false;
  }
  const parent = parentWindow(device.bus, one);
  if (parent === null) {
    work.log(device, `${name} ${describe(one)}: can't claim; no compatible bridge window`);
    one.flags |= flag.unset;
    return false;
  }
  const conflict = claim(parent, one);
  if (conflict !== null) {
    const other = `${conflict.name} ${describe(conflict)}`;
    work.log(device, `${name} ${describe(one)}: can't claim; address conflict with ${other}`);
    one.flags |= flag.unset;
    return false;
  }
  work.keep(device, index);
  return true;
}

/** A window that sticks out of the one above is cut to what lies inside. @source setup-bus.c of v6.1 (pci_claim_bridge_resource) */
export function claimWindow(work: Work, bridge: TreeDevice, index: number): boolean {
  if (claimResource(work, bridge, index)) return true;
  if (bridge.classCode !== 0x0604) return true;
  if (!clip(work, bridge, index)) return false;
  writeWindow(work, bridge, index);
  return claimResource(work, bridge, index);
}

function clip(work: Work, bridge: TreeDevice, index: number): boolean {
  const one = bridge.resources[index]!;
  for (const { resource } of busResources(bridge.bus)) {
    if (((resource.flags ^ one.flags) & flag.types) !== 0) continue;
    const start = Math.max(resource.start, one.start);
    const end = Math.min(resource.end, one.end);
    if (start > end) continue;
    if (one.start === start && one.end === end) return false;
    const before = describe({ ...one, flags: one.flags & ~flag.unset });
    one.start = start;
    one.end = end;
    one.flags &= ~flag.unset;
    work.log(bridge, `${before} clipped to ${describe(one)}`);
    return true;
  }
  return false;
}

const windowIndices = [slot.io, slot.memory, slot.prefetch] as const;

/** x86, first: windows that firmware left, from the root down; one that cannot be is no window. @source arch/x86/pci/i386.c of v6.1 */
export function keepWindows(work: Work, bus: TreeBus): void {
  const { self } = bus;
  if (self !== null) {
    for (const index of windowIndices) {
      const one = self.resources[index]!;
      if (one.flags === 0 || one.parent !== null) continue;
      if (one.start !== 0 && claimWindow(work, self, index)) continue;
      one.start = 0;
      one.end = 0;
      one.flags = 0;
    }
  }
  for (const child of bus.children) keepWindows(work, child);
}

/**
 * x86, then: BARs of devices that decode, in a second round those of the others; ROMs are switched off.
 * @source arch/x86/pci/i386.c of v6.1 (pcibios_allocate_dev_resources)
 */
export function keepBars(work: Work, bus: TreeBus, decoding: boolean): void {
  for (const device of bus.devices) {
    const command = work.read(device, 0x04, 2);
    for (let index = 0; index <= slot.vfEnd; index++) {
      const one = device.resources[index]!;
      if (index === slot.rom || one.parent !== null || one.start === 0) continue;
      if (((command & (has(one, flag.io) ? 1 : 2)) !== 0) !== decoding) continue;
      if (claimResource(work, device, index)) continue;
      if (has(one, flag.fixed)) {
        work.log(device, `BAR ${index} ${describe(one)} is immovable`);
        continue;
      }
      work.firmware[`${device.sbdf}/${index}`] = one.start;
      setRange(one, 0, sizeOf(one));
    }
    const rom = device.resources[slot.rom]!;
    if (decoding && has(rom, flag.romEnable) && rom.flags !== 0) {
      rom.flags &= ~flag.romEnable;
      const reg = device.headerType === 1 ? 0x38 : 0x30;
      work.write(device, reg, 4, (work.read(device, reg, 4) & ~1) >>> 0);
    }
    if (device.subordinate !== null) keepBars(work, device.subordinate, decoding);
  }
}

/** x86, at last: ROMs where firmware put them. */
export function keepRoms(work: Work, bus: TreeBus): void {
  for (const device of bus.devices) {
    const rom = device.resources[slot.rom]!;
    if (rom.flags !== 0 && rom.start !== 0 && rom.parent === null && !claimResource(work, device, slot.rom))
      setRange(rom, 0, sizeOf(rom));
    if (device.subordinate !== null) keepRoms(work, device.subordinate);
  }
}

/** ARM, when firmware's configuration is to stay: windows, then BARs. @source setup-bus.c of v6.1 (pci_bus_claim_resources) */
export function claimAll(work: Work, root: TreeBus): void {
  const windows = (bus: TreeBus): void => {
    if (bus.self !== null) {
      readWindows(work, bus);
      for (const index of windowIndices) {
        const one = bus.self.resources[index]!;
        if (one.flags !== 0 && one.parent === null) claimWindow(work, bus.self, index);
      }
    }
    bus.children.forEach(windows);
  };
  const bars = (bus: TreeBus): void => {
    for (const device of bus.devices) {
      for (let index = 0; index < slot.io; index++) {
        const one = device.resources[index]!;
        if (one.flags !== 0 && one.parent === null) claimResource(work, device, index);
      }
      if (device.subordinate !== null) bars(device.subordinate);
    }
  };
  windows(root);
  bars(root);
}
