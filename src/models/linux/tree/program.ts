import { hexPad } from '../../../base/hex.js';
import { busOffset, busRange, resourceName, slot, type TreeBus, type TreeDevice } from './device.js';
import { flag, has, type Resource } from './resource.js';
import type { Work } from './work.js';

const TWO_32 = 0x1_0000_0000;
const low = (value: number): number => value % TWO_32;
const high = (value: number): number => Math.floor(value / TWO_32);

/**
 * Writes a resource into its register: memory decoding off while a 64-bit one is half written. A ROM that does not
 * decode is not written. @source drivers/pci/setup-res.c of v6.1 (pci_std_update_resource), iov.c (pci_iov_update_resource)
 */
export function writeBar(work: Work, device: TreeDevice, index: number): void {
  const one = device.resources[index]!;
  if (one.flags === 0 || has(one, flag.unset) || has(one, flag.fixed) || index > slot.vfEnd) return;
  const start = one.start - busOffset(device.bus, one);
  const isRom = index === slot.rom;
  if (isRom && !has(one, flag.romEnable)) return;
  const bits = isRom ? 1 : one.flags & (has(one, flag.io) ? 0x3 : 0xf);
  const value = (low(start) + bits) >>> 0;
  if (index >= slot.vf) {
    const { sriov } = device;
    if (sriov === null) return;
    const at = sriov.at + 0x24 + 4 * (index - slot.vf);
    work.write(device, at, 4, value);
    if (has(one, flag.mem64)) work.write(device, at + 4, 4, high(start));
    return;
  }
  const reg = isRom ? (device.headerType === 1 ? 0x38 : 0x30) : 0x10 + 4 * index;
  const wide = has(one, flag.mem64);
  const closes = wide && device.classCode !== 0x0600;
  const command = closes ? work.read(device, 0x04, 2) : 0;
  if (closes) work.write(device, 0x04, 2, command & ~2);
  work.write(device, reg, 4, value);
  const mask = has(one, flag.io) ? ~3 : isRom ? ~0x7ff : ~0xf;
  const check = work.read(device, reg, 4);
  if (((check ^ value) & mask) !== 0) {
    const values = `0x${hexPad(value, 8)} != 0x${hexPad(check, 8)}`;
    work.log(device, `${resourceName(index)}: error updating (${values})`);
  }
  if (wide) {
    work.write(device, reg + 4, 4, high(start));
    const upper = work.read(device, reg + 4, 4);
    if (upper !== high(start)) {
      const values = `high 0x${hexPad(high(start), 8)} != 0x${hexPad(upper, 8)}`;
      work.log(device, `${resourceName(index)}: error updating (${values})`);
    }
  }
  if (closes) work.write(device, 0x04, 2, command);
}

/** Which windows of a bridge are meant. */
export type Windows = 'io' | 'memory' | 'prefetch' | 'all';

/**
 * Writes windows into their registers, then BRIDGE_CONTROL. A closed window has its base above its limit.
 * @source drivers/pci/setup-bus.c of v6.1 (__pci_setup_bridge); facts/q35-qemu 2.5
 */
export function writeWindows(work: Work, bus: TreeBus, which: Windows): void {
  const { self } = bus;
  if (self === null) return;
  work.log(self, `PCI bridge to ${busRange(bus.number, bus.end)}`);
  if (which === 'io' || which === 'all') writeIo(work, self);
  if (which === 'memory' || which === 'all') writeMemory(work, self);
  if (which === 'prefetch' || which === 'all') writePrefetch(work, self);
  work.write(self, 0x3e, 2, bus.control);
}

export function writeWindow(work: Work, bridge: TreeDevice, index: number): void {
  if (index === slot.io) writeIo(work, bridge);
  else if (index === slot.memory) writeMemory(work, bridge);
  else writePrefetch(work, bridge);
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** On the bus; null: closed. */
function range(work: Work, bridge: TreeDevice, index: number, needs: number): Range | null {
  const one: Resource = bridge.resources[index]!;
  if (!has(one, needs)) return null;
  const offset = busOffset(bridge.bus, one);
  work.log(bridge, `  bridge window ${work.text(one)}`);
  return { start: one.start - offset, end: one.end - offset };
}

/** The upper halves close the window while the lower ones change. */
function writeIo(work: Work, bridge: TreeDevice): void {
  const open = range(work, bridge, slot.io, flag.io);
  const value = open === null ? 0x00f0 : ((open.start >> 8) & 0xf0) | (open.end & 0xf000);
  const upper = open === null ? 0 : ((open.end & 0xffff_0000) | (open.start >>> 16)) >>> 0;
  work.write(bridge, 0x30, 4, 0x0000_ffff);
  work.write(bridge, 0x1c, 2, value);
  work.write(bridge, 0x30, 4, upper);
}

const megabytes = (open: Range): number =>
  (((low(open.start) >>> 16) & 0xfff0) | (low(open.end) & 0xfff0_0000)) >>> 0;

function writeMemory(work: Work, bridge: TreeDevice): void {
  const open = range(work, bridge, slot.memory, flag.mem);
  work.write(bridge, 0x20, 4, open === null ? 0x0000_fff0 : megabytes(open));
}

function writePrefetch(work: Work, bridge: TreeDevice): void {
  work.write(bridge, 0x2c, 4, 0);
  const open = range(work, bridge, slot.prefetch, flag.prefetch);
  const wide = open !== null && has(bridge.resources[slot.prefetch]!, flag.mem64);
  work.write(bridge, 0x24, 4, open === null ? 0x0000_fff0 : megabytes(open));
  work.write(bridge, 0x28, 4, wide ? high(open.start) : 0);
  work.write(bridge, 0x2c, 4, wide ? high(open.end) : 0);
}
