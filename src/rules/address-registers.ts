import { hex } from '../base/hex.js';
import { barType, bridgeControl, command, reg } from '../pci/header.js';
import { ioWindow, memoryWindow, prefetchableWindow, type Window } from '../pci/windows.js';
import { byteOf, dwordOf, isBridge, isKnown, type KnownFunction, wordOf } from './known-function.js';

export type Space = 'memory' | 'io';

/** A base address register of a function; `upper` is the second half of a 64-bit one. */
export interface AddressRegister {
  readonly kind: 'bar' | 'upper' | 'rom' | 'vf';
  readonly at: number;
  readonly index: number;
  /** Low bits that say what it is and that no write changes. */
  readonly typeBits: number;
}

/** The base address register that has a byte; null while nobody has looked at the header. */
export function registerAt(fn: KnownFunction, at: number): AddressRegister | null {
  const header = fn.byte(reg.headerType);
  if (header === null) return null;
  const rom = isBridge(fn) ? reg.bridgeRomBar : reg.romBar;
  if (at >= rom && at < rom + 4) return { kind: 'rom', at: rom, index: 0, typeBits: 0xfe };
  const count = isBridge(fn) ? 2 : (header & 0x7f) === 0 ? 6 : 0;
  if (at >= reg.bar0 && at < reg.bar0 + 4 * count) return inList(fn, 'bar', reg.bar0, at);
  const vf = fn.sriov === null ? null : fn.sriov + VF_BAR0;
  return vf !== null && at >= vf && at < vf + 24 ? inList(fn, 'vf', vf, at) : null;
}

/** VF BARs from the start of the SR-IOV capability, its control and its number of VFs. @source facts/arm-msi-iommu 8.3 */
const VF_BAR0 = 0x24;
const VF_CONTROL = 0x08;
const VF_COUNT = 0x10;
/** VF Enable and VF Memory Space Enable. */
const VF_DECODES = 0x09;

function inList(fn: KnownFunction, kind: 'bar' | 'vf', first: number, at: number): AddressRegister {
  const index = Math.floor((at - first) / 4);
  for (let i = 0; i < index; i++) {
    if (!isWide(fn, first + 4 * i)) continue;
    i++;
    if (i === index) return { kind: 'upper', at: first + 4 * i, index: i, typeBits: 0 };
  }
  return { kind, at: first + 4 * index, index, typeBits: 0x0f };
}

/** Memory type 2: 64 bit, with the next register as upper half. */
const isWide = (fn: KnownFunction, at: number): boolean => (byteOf(fn, at) & 0x07) === barType.memory64;

/** All ones in every bit that could take an address: the guest asks for the size. @source facts/q35-qemu 2.6 */
export const isSizing = ({ kind }: AddressRegister, value: number): boolean =>
  kind === 'rom' ? (value & 0xffff_f800) >>> 0 === 0xffff_f800 : value === 0xffff_ffff;

/** A place a function answers at, of known size and address. */
export interface KnownRegion extends Window {
  readonly space: Space;
  /** `BAR 2`, `the ROM`, `VF BAR 0`. */
  readonly name: string;
}

/**
 * What a function answers at now: BARs, ROM and VF BARs that were sized, hold an address and are decoded. Address 0 is
 * none. @source facts/q35-qemu 2.6
 */
export function regionsOf(fn: KnownFunction): readonly KnownRegion[] {
  const cached = regions.get(fn);
  if (cached?.version === fn.version) return cached.regions;
  const found: KnownRegion[] = [];
  for (const [at, mask] of fn.sizes) {
    const register = registerAt(fn, at);
    if (register === null || register.kind === 'upper') continue;
    const region = regionOf(fn, register, mask);
    if (region !== null) found.push(region);
  }
  regions.set(fn, { version: fn.version, regions: found });
  return found;
}

const regions = new WeakMap<
  KnownFunction,
  { readonly version: number; readonly regions: readonly KnownRegion[] }
>();

function regionOf(fn: KnownFunction, register: AddressRegister, mask: number): KnownRegion | null {
  const { kind, at, index } = register;
  const wide = kind !== 'rom' && isWide(fn, at);
  if (fn.sizing.has(at) || (wide && fn.sizing.has(at + 4))) return null;
  const low = dwordOf(fn, at);
  const space = kind !== 'rom' && (low & barType.io) !== 0 ? 'io' : 'memory';
  // VF Memory Space Enable alone decides for virtual functions (PCI Express Base, SR-IOV control).
  if (kind !== 'vf' && (byteOf(fn, reg.command) & command[space]) === 0) return null;
  if (kind === 'rom' && (low & 1) === 0) return null;
  const flags = kind === 'rom' ? 0x7ff : space === 'io' ? 0x3 : 0xf;
  const one = lowestBit((mask & ~flags) >>> 0, wide ? (fn.sizes.get(at + 4) ?? 0xffff_ffff) : 0);
  const count = kind === 'vf' ? decodedVfs(fn) : 1;
  const base = ((low & ~flags) >>> 0) + (wide ? dwordOf(fn, at + 4) * 2 ** 32 : 0);
  if (one === 0 || count === 0 || base === 0) return null;
  const sizeBytes = kind === 'vf' ? Math.max(0x1000, one) * count : one;
  const name = kind === 'rom' ? 'the ROM' : kind === 'vf' ? `VF BAR ${index}` : `BAR ${index}`;
  return { space, name, base, sizeBytes };
}

const lowestBit = (low: number, high: number): number =>
  low !== 0 ? (low & -low) >>> 0 : ((high & -high) >>> 0) * 2 ** 32;

/** VFs that answer: VF BARs lie one behind the other, pages apart at least. */
function decodedVfs(fn: KnownFunction): number {
  if (fn.sriov === null || (byteOf(fn, fn.sriov + VF_CONTROL) & VF_DECODES) !== VF_DECODES) return 0;
  return wordOf(fn, fn.sriov + VF_COUNT);
}

/** What a bridge passes on to its other side, in one space. */
export interface Forwarded {
  readonly ranges: readonly Window[];
  /** As a message says it. */
  readonly text: string;
}

/**
 * Null while the guest has not set or seen the registers, and nothing at all while the bridge does not decode the space.
 * ISA enable takes all but the first 256 bytes of each KiB out of the I/O window, as on hardware: QEMU stores the bit
 * only. VGA enable adds the legacy ranges. @source facts/q35-qemu 2.5; facts/arm-msi-iommu 8.2
 */
export function forwardedBy(bridge: KnownFunction, space: Space): Forwarded | null {
  if ((byteOf(bridge, reg.command) & command[space]) === 0) return null;
  const byte = (at: number): number => byteOf(bridge, at);
  const control = byteOf(bridge, reg.bridgeControl);
  const vga = (control & bridgeControl.vga) === 0 ? [] : VGA[space];
  const vgaText = vga.length === 0 ? '' : ', VGA';
  if (space === 'memory') {
    if (!isKnown(bridge, reg.memoryBase, 8)) return null;
    const plain = [memoryWindow(byte), prefetchableWindow(byte)];
    const text = `memory ${showWindow(plain[0]!)}, prefetchable ${showWindow(plain[1]!)}${vgaText}`;
    return { ranges: [...plain, ...vga], text };
  }
  if (!isKnown(bridge, reg.ioBase, 2)) return null;
  const window = ioWindow(byte);
  const isa = (control & ISA) !== 0;
  return {
    ranges: [...(isa ? isaHoles(window) : [window]), ...vga],
    text: `I/O ${showWindow(window)}${isa ? ' without ISA aliases' : ''}${vgaText}`,
  };
}

const ISA = 4;
const IO_END = 0x1_0000;
const VGA: Readonly<Record<Space, readonly Window[]>> = {
  memory: [{ base: 0xa_0000, sizeBytes: 0x2_0000 }],
  io: [
    { base: 0x3b0, sizeBytes: 0x0c },
    { base: 0x3c0, sizeBytes: 0x20 },
  ],
};

/** The part of an I/O window that ISA enable leaves: it concerns the first 64 KiB. */
function isaHoles({ base, sizeBytes }: Window): Window[] {
  const end = base + sizeBytes;
  const left: Window[] = [];
  for (let at = base; at < Math.min(end, IO_END); at += 0x400) left.push({ base: at, sizeBytes: 0x100 });
  if (end > IO_END) left.push({ base: Math.max(base, IO_END), sizeBytes: end - Math.max(base, IO_END) });
  return left;
}

export const showWindow = ({ base, sizeBytes }: Window): string =>
  sizeBytes === 0 ? 'closed' : `${hex(base)}-${hex(base + sizeBytes - 1)}`;

/** Whether every address of a region is in one of the ranges; they may meet inside it. */
export function isCovered({ base, sizeBytes }: Window, ranges: readonly Window[]): boolean {
  const end = base + sizeBytes;
  let at = base;
  for (const range of [...ranges].sort((a, b) => a.base - b.base)) {
    if (range.base > at) return false;
    at = Math.max(at, range.base + range.sizeBytes);
    if (at >= end) return true;
  }
  return at >= end;
}
