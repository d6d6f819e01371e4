import { hexPad } from '../../../base/hex.js';
import { by } from '../devices.js';
import { report } from '../enumerated.js';
import { busRange, busResources, isBridge, slot, type TreeBus, type TreeDevice, toCpu } from './device.js';
import { flag } from './resource.js';
import { learnWindows, sizeBars, sizeVirtualFunctions } from './sizing.js';
import type { Work } from './work.js';

/** Buses kept behind a port that can take a device later. @source drivers/pci/pci.c of v6.1 (pci_hotplug_bus_size) */
const HOTPLUG_BUSES = 1;

/**
 * Everything below a bus: its functions, then what is behind bridges: those with numbers first, then the others.
 * @param room Bus numbers to spare, shared out among ports that can take devices later.
 * @returns the highest bus number in use below
 * @source drivers/pci/probe.c of v6.1 (pci_scan_child_bus_extend)
 */
export function scanBelow(work: Work, bus: TreeBus, room: number, isNew = true): number {
  for (let device = 0; device < 32; device++) scanSlot(work, bus, device << 3);
  let used = busesForVirtualFunctions(bus);
  let max = bus.number + used;
  if (work.isX86 && isNew && bus.self !== null) readWindows(work, bus);
  const bridges = bus.devices.filter(isBridge);
  const hotplug = bridges.filter((one) => one.hotplug).length;
  for (const bridge of bridges) {
    const before = max;
    max = scanBehind(work, bus, bridge, max, 0, 0);
    used += 1 + Math.max(max - before - 1, 0);
  }
  for (const bridge of bridges) {
    let extra = 0;
    if (hotplug === 0 && bridges.length === 1) extra = room;
    else if (bridge.hotplug) extra = Math.min(Math.floor(room / hotplug), unsigned(room - used + 1));
    const before = max;
    max = scanBehind(work, bus, bridge, max, extra, 1);
    used += Math.max(max - before - 1, 0);
  }
  if (bus.self?.hotplug === true) {
    const wanted = Math.max(room, HOTPLUG_BUSES - 1);
    if (max - bus.number < wanted) max = Math.min(bus.number + wanted, bus.end);
  }
  return max;
}

const unsigned = (value: number): number => (value < 0 ? value + 0x1_0000_0000 : value);

const busesForVirtualFunctions = (bus: TreeBus): number => {
  const last = bus.devices.reduce((most, { sriov }) => Math.max(most, sriov?.lastBus ?? 0), 0);
  return last === 0 ? 0 : last - bus.number;
};

/** All functions of a slot. @returns whether one was new. @source drivers/pci/probe.c of v6.1 (pci_scan_slot) */
export function scanSlot(work: Work, bus: TreeBus, devfn: number): boolean {
  // A link has one device at its end.
  const port = bus.self?.express?.type;
  if ((port === 4 || port === 6 || port === 8) && devfn > 0) return false;
  let isNew = false;
  let fn: number | null = 0;
  while (fn !== null) {
    const known: TreeDevice | undefined = bus.devices.find((one) => one.devfn === devfn + (fn ?? 0));
    const device: TreeDevice | null = known ?? scanFunction(work, bus, devfn + fn);
    if (device !== null) {
      if (known === undefined) isNew = true;
      if (fn > 0) device.multifunction = true;
    } else if (fn === 0) break;
    fn = nextFunction(work, bus, device, fn);
  }
  return isNew;
}

function nextFunction(work: Work, bus: TreeBus, device: TreeDevice | null, fn: number): number | null {
  if (isAri(work, bus)) {
    const at = device === null ? null : work.extendedCapability(device, 0x0e);
    if (device === null || at === null) return null;
    const next = work.read(device, at + 5, 1);
    return next > fn ? next : null;
  }
  if (fn >= 7 || (device !== null && !device.multifunction)) return null;
  return fn + 1;
}

/** Functions are numbered up to 255 behind a port that was told so. */
function isAri(work: Work, { self }: TreeBus): boolean {
  if (self === null || self.express === null) return false;
  if ((work.read(self, self.express.at + 2, 2) & 0xf) < 2) return false;
  return (work.read(self, self.express.at + 0x28, 2) & 0x20) !== 0;
}

function scanFunction(work: Work, bus: TreeBus, devfn: number): TreeDevice | null {
  const fn = work.functionAt(bus, devfn);
  const identity = work.readAt(fn, 0, 4);
  if (
    fn === null ||
    identity === 0xffff_ffff ||
    identity === 0 ||
    identity === 0xffff ||
    identity === 0xffff_0000
  )
    return null;
  const name = work.nameAt(bus, devfn);
  const device = work.describeDevice(bus, name, fn);
  const { context } = work;
  if (device.headerType > 2) return null;
  context.emit(by(context), 'linux.found', { sbdf: name, function: fn });
  setUp(work, device, identity);
  configure(work, device);
  bus.devices.push(device);
  context.emit(by(context), 'linux.listed', { sbdf: name });
  report(context, name, null);
  return device;
}

/** What a device is, and its registers. @source drivers/pci/probe.c of v6.1 (pci_setup_device) */
function setUp(work: Work, device: TreeDevice, identity: number): void {
  const revision = work.read(device, 0x08, 4) >>> 8;
  const id = `${hexPad(identity & 0xffff, 4)}:${hexPad(identity >>> 16, 4)}`;
  const kind = work.has('says-kind-of-device') ? ` ${kindOf(device)}` : '';
  work.log(device, `[${id}] type ${hexPad(device.headerType, 2)} class 0x${hexPad(revision, 6)}${kind}`);
  // Whether the pin can be switched off is tried once and for all.
  const command = work.read(device, 0x04, 2);
  work.write(device, 0x04, 2, command ^ 0x400);
  work.write(device, 0x04, 2, command);
  switch (device.headerType) {
    case 0:
      if (device.classCode === 0 && work.read(device, 0x0a, 2) === 0x0604) {
        work.log(device, `ignoring class 0x${hexPad(revision, 6)} (doesn't match header type 00)`);
        return;
      }
      sizeBars(work, device, 6, 0x30);
      legacyIde(work, device);
      return;
    case 1:
      sizeBars(work, device, 2, 0x38);
      learnWindows(work, device);
      return;
    default:
      if (device.classCode === 0x0607) sizeBars(work, device, 1, null);
  }
}

const kinds = [
  'PCIe Endpoint',
  'PCIe Legacy Endpoint',
  'PCIe unknown',
  'PCIe unknown',
  'PCIe Root Port',
  'PCIe Switch Upstream Port',
  'PCIe Switch Downstream Port',
  'PCIe to PCI/PCI-X bridge',
  'PCI/PCI-X to PCIe bridge',
  'PCIe Root Complex Integrated Endpoint',
  'PCIe Root Complex Event Collector',
] as const;

/** As Linux 6.12 calls a device. */
function kindOf({ express, headerType }: TreeDevice): string {
  if (express !== null) return kinds[express.type] ?? 'PCIe unknown';
  return ['conventional PCI endpoint', 'conventional PCI bridge', 'CardBus bridge'][headerType]!;
}

/** IDE in compatibility mode stands where it always stood, whatever its BARs say. */
function legacyIde(work: Work, device: TreeDevice): void {
  if (device.classCode !== 0x0101) return;
  const places: readonly (readonly [number, number, number, number])[] = [
    [1, 0, 0x1f0, 0x1f7],
    [1, 1, 0x3f6, 0x3f6],
    [4, 2, 0x170, 0x177],
    [4, 3, 0x376, 0x376],
  ];
  for (const [native, index, start, end] of places) {
    if ((device.progIf & native) !== 0) continue;
    const one = device.resources[index]!;
    one.flags = flag.io | flag.fixed;
    one.start = start;
    one.end = end;
    work.log(device, `BAR ${index} ${work.text(one)}: legacy IDE quirk`);
  }
}

/** Errors are passed on by bridges; wide function numbers where both ends have them; room for virtual functions. */
function configure(work: Work, device: TreeDevice): void {
  if (device.headerType === 1) {
    const control = work.read(device, 0x3e, 2);
    if ((control & 2) === 0) work.write(device, 0x3e, 2, control | 2);
  }
  const { self } = device.bus;
  if (device.express !== null && device.devfn === 0 && self !== null && self.express !== null) {
    const { at } = self.express;
    const forwards = (work.read(self, at + 2, 2) & 0xf) >= 2 && (work.read(self, at + 0x24, 4) & 0x20) !== 0;
    if (forwards) {
      const wanted = work.extendedCapability(device, 0x0e) === null ? 0 : 0x20;
      const control = work.read(self, at + 0x28, 2);
      work.write(self, at + 0x28, 2, (control & ~0x20) | wanted);
    }
  }
  sizeVirtualFunctions(work, device, isAri(work, device.bus));
}

/**
 * One bridge in one of two passes: 0 takes bridges whose numbers can be true, 1 gives numbers to the others, which pass
 * 0 closed. @returns the highest bus number in use. @source drivers/pci/probe.c of v6.1 (pci_scan_bridge_extend)
 */
export function scanBehind(
  work: Work,
  bus: TreeBus,
  bridge: TreeDevice,
  highest: number,
  room: number,
  pass: 0 | 1,
): number {
  let max = highest;
  const numbers = work.read(bridge, 0x18, 4);
  const [secondary, subordinate] = [(numbers >>> 8) & 0xff, (numbers >>> 16) & 0xff];
  let primary = numbers & 0xff;
  const isCardbus = bridge.headerType === 2;
  if (primary === 0 && bus.number !== 0 && secondary !== 0 && subordinate !== 0) {
    work.log(bridge, 'Primary bus is hard wired to 0');
    primary = bus.number;
  }
  const isBroken =
    pass === 0 && (primary !== bus.number || secondary <= bus.number || secondary > subordinate);
  if (isBroken) {
    const range = `[bus ${hexPad(secondary, 2)}-${hexPad(subordinate, 2)}]`;
    work.log(bridge, `bridge configuration invalid (${range}), reconfiguring`);
  }
  const control = work.read(bridge, 0x3e, 2);
  work.write(bridge, 0x3e, 2, control & ~0x20);
  enableRetry(work, bridge);
  const isNumbered =
    (secondary !== 0 || subordinate !== 0) && !isCardbus && !isBroken && !work.reassignsBuses;
  if (isNumbered) {
    if (pass === 0) {
      const known = work.bus(bus.segment, secondary);
      const child = known ?? work.addBus(bus, bridge, bus.segment, secondary, bus.host);
      if (known === null) {
        child.end = subordinate;
        child.control = control;
        work.keepBus(child);
      }
      numbered(work, bridge, secondary, subordinate, true);
      const found = scanBelow(work, child, subordinate - secondary, known === null);
      if (found > subordinate)
        work.log(bridge, `bridge has subordinate ${hexPad(subordinate, 2)} but max busn ${hexPad(found, 2)}`);
      max = Math.max(max, subordinate);
    }
  } else if (pass === 0) {
    if (isBroken || isCardbus || work.reassignsBuses)
      work.write(bridge, 0x18, 4, (numbers & 0xff00_0000) >>> 0);
  } else {
    max = giveNumber(work, bus, bridge, max, room, numbers, control);
  }
  work.write(bridge, 0x3e, 2, control);
  return max;
}

function giveNumber(
  work: Work,
  bus: TreeBus,
  bridge: TreeDevice,
  highest: number,
  room: number,
  numbers: number,
  control: number,
): number {
  work.write(bridge, 0x06, 2, 0xffff);
  const next = highest + 1;
  if (next > 0xff) return highest;
  const known = work.bus(bus.segment, next);
  const child = known ?? work.addBus(bus, bridge, bus.segment, next, bus.host);
  if (known === null) child.end = bus.end;
  const isCardbus = bridge.headerType === 2;
  const latency = isCardbus ? 176 << 24 : numbers & 0xff00_0000;
  work.write(bridge, 0x18, 4, (latency | bus.number | (child.number << 8) | (child.end << 16)) >>> 0);
  let max = next;
  if (isCardbus) max += 3;
  else {
    child.control = control;
    work.keepBus(child);
    max = scanBelow(work, child, Math.max(room - 1, 0), known === null);
  }
  if (max >= child.number) {
    work.logBus(
      child,
      `busn_res: ${busRange(child.number, child.end)} end ${updated(bus, max)} updated to ${hexPad(max, 2)}`,
    );
    if (max <= bus.end) child.end = max;
  }
  work.keepBus(child);
  work.write(bridge, 0x1a, 1, max & 0xff);
  numbered(work, bridge, child.number, max & 0xff, false);
  for (let above = bus; above.parent !== null; above = above.parent) {
    if (child.end <= above.end && child.number <= above.end && child.number >= above.number) continue;
    work.log(
      bridge,
      `devices behind bridge are unusable because ${busRange(child.number, child.end)} cannot be assigned for them`,
    );
    break;
  }
  return max;
}

const updated = (bus: TreeBus, max: number): string => (max > bus.end ? 'can not be' : 'is');

function numbered(
  work: Work,
  bridge: TreeDevice,
  secondary: number,
  subordinate: number,
  byFirmware: boolean,
): void {
  const { context } = work;
  context.emit(by(context), 'linux.bus-numbered', { sbdf: bridge.sbdf, secondary, subordinate, byFirmware });
}

/** A root port that can tell software of a device that asks for patience is told to. */
function enableRetry(work: Work, bridge: TreeDevice): void {
  const { express } = bridge;
  if (express?.type !== 4 || (work.read(bridge, express.at + 0x1e, 2) & 1) === 0) return;
  const control = work.read(bridge, express.at + 0x1c, 2);
  work.write(bridge, express.at + 0x1c, 2, control | 0x10);
}

/**
 * What a bridge's registers say of its windows. @source drivers/pci/probe.c of v6.1 (pci_read_bridge_bases);
 * facts/q35-qemu 2.5
 */
export function readWindows(work: Work, bus: TreeBus): void {
  const { self } = bus;
  if (self === null || bus.parent === null) return;
  const subtractive = self.transparent ? ' (subtractive decode)' : '';
  work.log(self, `PCI bridge to ${busRange(bus.number, bus.end)}${subtractive}`);
  const read = (reg: number, sizeBytes: number): number => work.read(self, reg, sizeBytes);
  const ioBase = read(0x1c, 1);
  const upper = (ioBase & 0xf) === 1 ? 0x1_0000 : 0;
  found(
    work,
    self,
    slot.io,
    (ioBase & 0xf) | flag.io,
    (ioBase & 0xf0) * 0x100 + read(0x30, 2) * upper,
    (read(0x1d, 1) & 0xf0) * 0x100 + read(0x32, 2) * upper,
    0x1000,
  );
  const base = read(0x20, 2);
  found(
    work,
    self,
    slot.memory,
    (base & 0xf) | flag.mem,
    (base & 0xfff0) * 0x1_0000,
    (read(0x22, 2) & 0xfff0) * 0x1_0000,
    0x10_0000,
  );
  const low = read(0x24, 2);
  const isWide = (low & 0xf) === 1;
  const [high, limitHigh] = isWide ? [read(0x28, 4), read(0x2c, 4)] : [0, 0];
  const counts = high <= limitHigh ? 0x1_0000_0000 : 0;
  found(
    work,
    self,
    slot.prefetch,
    (low & 0xf) | flag.mem | flag.prefetch | ((low & 1) === 1 ? flag.mem64 : 0),
    (low & 0xfff0) * 0x1_0000 + high * counts,
    (read(0x26, 2) & 0xfff0) * 0x1_0000 + limitHigh * counts,
    0x10_0000,
  );
  if (!self.transparent) return;
  for (const { resource } of busResources(bus.parent)) {
    if (resource.flags === 0) continue;
    work.log(self, `  bridge window ${work.text(resource)} (subtractive decode)`);
  }
}

function found(
  work: Work,
  device: TreeDevice,
  index: number,
  flags: number,
  base: number,
  limit: number,
  granule: number,
): void {
  if (base > limit) return;
  const one = device.resources[index]!;
  one.flags = flags;
  const end = limit + granule - 1;
  const offset = toCpu(device.bus, flags, base, end);
  one.start = base + offset;
  one.end = end + offset;
  work.log(device, `  bridge window ${work.text(one)}`);
}
