import type { PhysicalAddress } from '../../../base/brand.js';
import { hexPad } from '../../../base/hex.js';
import { by } from '../devices.js';
import { busOffset, resourceName, slot, type TreeDevice, toCpu } from './device.js';
import { flag, has, setRange, sizeOf } from './resource.js';
import type { Work } from './work.js';

const TWO_32 = 0x1_0000_0000;
const ROM_MASK = 0xffff_f800;

/** All BARs of a header, then its ROM. @source drivers/pci/probe.c of v6.1 (pci_read_bases) */
export function sizeBars(work: Work, device: TreeDevice, count: number, romAt: number | null): void {
  for (let index = 0; index < count; index++) {
    if (sizeOne(work, device, index, 0x10 + 4 * index, false)) index += 1;
  }
  if (romAt === null) return;
  device.resources[slot.rom]!.flags = flag.mem | flag.prefetch | flag.readOnly | flag.sizeAlign;
  sizeOne(work, device, slot.rom, romAt, true);
}

/**
 * One register: ones in, answer out, old value back, decoding off meanwhile (a host bridge always decodes).
 * @returns whether the next register is its upper half
 * @source drivers/pci/probe.c of v6.1 (__pci_read_base)
 */
export function sizeOne(work: Work, device: TreeDevice, index: number, reg: number, isRom: boolean): boolean {
  const command = device.classCode === 0x0600 ? 0 : work.read(device, 0x04, 2);
  const decodes = (command & 3) !== 0;
  if (decodes) work.write(device, 0x04, 2, command & ~3);
  const low = tryOnes(work, device, reg, isRom ? ROM_MASK : 0xffff_ffff);
  const one = device.resources[index]!;
  if (isRom) one.flags |= low.value & flag.romEnable;
  else one.flags = barFlags(low.value) | flag.sizeAlign;
  const isPort = !isRom && has(one, flag.io);
  const mask = isRom ? ROM_MASK : isPort ? (work.isX86 ? 0xfffc : 0xff_fffc) : 0xffff_fff0;
  const wide = has(one, flag.mem64);
  const high = wide ? tryUpper(work, device, reg + 4) : { value: 0, bits: 0 };
  if (decodes) work.write(device, 0x04, 2, command);

  const start = ((low.value & (isPort ? 0xffff_fffc : mask)) >>> 0) + high.value * TWO_32;
  const bits = (low.bits & mask) >>> 0;
  const sizeBytes = bits !== 0 ? (bits & -bits) >>> 0 : (high.bits & -high.bits) >>> 0;
  const size = bits !== 0 ? sizeBytes : sizeBytes * TWO_32;
  if (size === 0) {
    one.flags = 0;
    return wide;
  }
  // A register that does not change has no size, unless it holds ones already.
  const isFixed = start === bits + high.bits * TWO_32;
  const isTop = isPort ? ((start | (size - 1)) & mask) === mask : start + size === (wide ? 2 ** 64 : TWO_32);
  if (isFixed && !isTop) {
    one.flags = 0;
    work.log(device, `[Firmware Bug]: ${resourceName(index)}: invalid; can't size`);
    return wide;
  }
  const offset = toCpu(device.bus, one.flags, start, start + size - 1);
  setRange(one, start + offset, size);
  if (one.start - busOffset(device.bus, one) !== start) {
    one.flags |= flag.unset;
    setRange(one, 0, size);
    work.log(device, `${resourceName(index)}: initial BAR value 0x${hexPad(start, 8)} invalid`);
  }
  report(work, device, index, reg, start, size);
  work.log(device, `${resourceName(index)} ${work.text(one)}`);
  return wide;
}

function tryOnes(work: Work, device: TreeDevice, reg: number, ones: number): { value: number; bits: number } {
  const value = work.read(device, reg, 4);
  work.write(device, reg, 4, (value | ones) >>> 0);
  const bits = work.read(device, reg, 4);
  work.write(device, reg, 4, value);
  // All ones is no answer.
  return { value: value === 0xffff_ffff ? 0 : value, bits: bits === 0xffff_ffff ? 0 : bits };
}

function tryUpper(work: Work, device: TreeDevice, reg: number): { value: number; bits: number } {
  const value = work.read(device, reg, 4);
  work.write(device, reg, 4, 0xffff_ffff);
  const bits = work.read(device, reg, 4);
  work.write(device, reg, 4, value);
  return { value, bits };
}

function barFlags(value: number): number {
  if ((value & 1) === 1) return (value & 3) | flag.io;
  const bits = value & 0xf;
  return bits | flag.mem | ((bits & 8) !== 0 ? flag.prefetch : 0) | ((bits & 6) === 4 ? flag.mem64 : 0);
}

function report(
  work: Work,
  device: TreeDevice,
  index: number,
  reg: number,
  start: number,
  size: number,
): void {
  const one = device.resources[index]!;
  const space =
    index === slot.rom ? 'rom' : has(one, flag.io) ? 'io' : has(one, flag.mem64) ? 'mem64' : 'mem32';
  work.context.emit(by(work.context), 'linux.sized', {
    sbdf: device.sbdf,
    reg,
    space,
    start: start as PhysicalAddress,
    sizeBytes: size as PhysicalAddress,
  });
}

/**
 * Which windows a bridge has: registers that read 0 are tried, and whether the upper half of the prefetchable one takes
 * ones. @source drivers/pci/probe.c of v6.1 (pci_read_bridge_windows)
 */
export function learnWindows(work: Work, device: TreeDevice): void {
  device.hasIo = work.read(device, 0x1c, 2) !== 0 || takes(work, device, 0x1c, 2, 0xe0f0);
  device.prefetchBits = prefetchBits(work, device);
  device.hotplug = isHotplug(work, device);
  work.context.emit(by(work.context), 'linux.bridge-learned', {
    sbdf: device.sbdf,
    io: device.hasIo,
    prefetch: device.prefetchBits === 0 ? 'none' : device.prefetchBits === 32 ? '32' : '64',
    hotplug: device.hotplug,
  });
}

function takes(work: Work, device: TreeDevice, reg: number, sizeBytes: number, value: number): boolean {
  work.write(device, reg, sizeBytes, value);
  const taken = work.read(device, reg, sizeBytes) !== 0;
  work.write(device, reg, sizeBytes, 0);
  return taken;
}

function prefetchBits(work: Work, device: TreeDevice): 0 | 32 | 64 {
  // An early bridge of DEC's prefetches where it must not.
  if (work.read(device, 0, 4) === 0x0001_1011) return 0;
  let value = work.read(device, 0x24, 4);
  if (value === 0) {
    work.write(device, 0x24, 4, 0xffe0_fff0);
    value = work.read(device, 0x24, 4);
    work.write(device, 0x24, 4, 0);
  }
  if (value === 0) return 0;
  if ((value & 0xf) !== 1) return 32;
  const before = work.read(device, 0x28, 4);
  work.write(device, 0x28, 4, 0xffff_ffff);
  const upper = work.read(device, 0x28, 4);
  work.write(device, 0x28, 4, before);
  return upper === 0 ? 32 : 64;
}

/** The slot of a port can take a device at run time. */
function isHotplug(work: Work, device: TreeDevice): boolean {
  const { express } = device;
  if (express === null) return false;
  const isPort = express.type === 4 || express.type === 6 || express.type === 8;
  const hasSlot = (work.read(device, express.at + 2, 2) & 0x100) !== 0;
  return hasSlot && isPort && (work.read(device, express.at + 0x14, 4) & 0x40) !== 0;
}

/**
 * Room of the virtual functions: each BAR once per function, and the buses they need for every number of them.
 * @source drivers/pci/iov.c of v6.1 (sriov_init, compute_max_vf_buses); facts/dom0 10.1
 */
export function sizeVirtualFunctions(work: Work, device: TreeDevice, ari: boolean): void {
  const at = work.extendedCapability(device, 0x10);
  if (at === null || (device.express?.type !== 0 && device.express?.type !== 9)) return;
  if ((work.read(device, at + 8, 2) & 1) !== 0) work.write(device, at + 8, 2, 0);
  const other = device.bus.devices.some((one) => one.sriov !== null);
  work.write(device, at + 8, 2, !other && ari ? 0x10 : 0);
  const total = work.read(device, at + 0x0e, 2);
  if (total === 0) return;
  const pages = work.read(device, at + 0x1c, 4);
  if (pages === 0) return;
  work.write(device, at + 0x20, 4, (pages & -pages) >>> 0);
  const sizes: number[] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < 6; i++) {
    const wide = sizeOne(work, device, slot.vf + i, at + 0x24 + 4 * i, false);
    const one = device.resources[slot.vf + i]!;
    if (one.flags !== 0) {
      sizes[i] = sizeOf(one);
      setRange(one, one.start, sizeOf(one) * total);
      const name = resourceName(slot.vf + i);
      work.log(device, `${name} ${work.text(one)}: contains BAR ${i} for ${total} VFs`);
    }
    if (wide) i += 1;
  }
  let lastBus = 0;
  for (let count = total; count > 0; count--) {
    work.write(device, at + 0x10, 2, count);
    const offset = work.read(device, at + 0x14, 2);
    const stride = work.read(device, at + 0x16, 2);
    if (offset === 0 || (count > 1 && stride === 0)) break;
    lastBus = Math.max(lastBus, device.bus.number + ((device.devfn + offset + stride * (count - 1)) >>> 8));
  }
  work.write(device, at + 0x10, 2, 0);
  device.sriov = { at, total, lastBus, sizes };
  work.context.emit(by(work.context), 'linux.vfs-learned', { sbdf: device.sbdf, lastBus });
}
