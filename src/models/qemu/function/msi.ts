import { overlaps } from '../../../pci/header.js';
import { imageOf, type QemuMachine } from '../machine.js';
import { change32, get16, get32, set16, set32 } from '../registers.js';
import type { FunctionState } from '../state.js';
import { dmaWrite32 } from './dma.js';
import { setIntx } from './intx.js';

/** Message control bits. */
const ENABLE = 0x0001;
const CAPABLE = 0x000e;
const ALLOCATED = 0x0070;
const WIDE = 0x0080;
const MASKABLE = 0x0100;

interface Layout {
  readonly at: number;
  readonly flags: number;
  readonly data: number;
  readonly mask: number;
  readonly pending: number;
  readonly sizeBytes: number;
}

/** Register places of the capability: 32 or 64 bit address, with or without mask bits. */
function layout(machine: QemuMachine, fn: FunctionState, at: number): Layout {
  const flags = get16(machine, fn, at + 2);
  const shift = (flags & WIDE) !== 0 ? 4 : 0;
  const sizeBytes = (flags & MASKABLE) !== 0 ? 0x14 + shift : 0x0a + shift;
  return { at, flags, data: at + 8 + shift, mask: at + 12 + shift, pending: at + 16 + shift, sizeBytes };
}

const vectorsOf = (flags: number): number => 1 << ((flags & ALLOCATED) >>> 4);

export function msiEnabled(machine: QemuMachine, fn: FunctionState): boolean {
  const at = imageOf(machine, fn).msi;
  return at !== null && (get16(machine, fn, at + 2) & ENABLE) !== 0;
}

/** Vectors the function has been given; 1 without the capability. */
export function msiVectors(machine: QemuMachine, fn: FunctionState): number {
  const at = imageOf(machine, fn).msi;
  return at === null ? 1 : vectorsOf(get16(machine, fn, at + 2));
}

/**
 * Sends vector `vector`, or remembers it as pending when it is masked.
 * @source facts/q35-qemu 2.10: the low bits of the data carry the vector when several are allocated
 */
export function msiNotify(machine: QemuMachine, fn: FunctionState, vector: number): void {
  const at = imageOf(machine, fn).msi;
  if (at === null) return;
  const place = layout(machine, fn, at);
  if (isMasked(machine, fn, place, vector)) {
    change32(machine, fn, place.pending, 0, 1 << vector);
    return;
  }
  const high = (place.flags & WIDE) !== 0 ? get32(machine, fn, at + 8) : 0;
  const vectors = vectorsOf(place.flags);
  const data = get16(machine, fn, place.data);
  dmaWrite32(
    machine,
    fn,
    high * 2 ** 32 + get32(machine, fn, at + 4),
    vectors > 1 ? (data & ~(vectors - 1)) | vector : data,
  );
}

const isMasked = (machine: QemuMachine, fn: FunctionState, place: Layout, vector: number): boolean =>
  (place.flags & MASKABLE) !== 0 && ((get32(machine, fn, place.mask) >>> vector) & 1) !== 0;

/**
 * After a write that touches the enabled capability: the pin is let go, a vector count beyond the capable one is cut,
 * and unmasked pending vectors are sent.
 */
export function msiWritten(machine: QemuMachine, fn: FunctionState, from: number, sizeBytes: number): void {
  const at = imageOf(machine, fn).msi;
  if (at === null) return;
  const place = layout(machine, fn, at);
  if (!overlaps(from, sizeBytes, at, place.sizeBytes) || (place.flags & ENABLE) === 0) return;
  setIntx(machine, fn, false);
  const capable = (place.flags & CAPABLE) >>> 1;
  let { flags } = place;
  if ((flags & ALLOCATED) >>> 4 > capable) {
    flags = (flags & ~ALLOCATED) | (capable << 4);
    set16(machine, fn, at + 2, flags);
  }
  if ((flags & MASKABLE) === 0) return;
  const vectors = vectorsOf(flags);
  const pending = get32(machine, fn, place.pending) & (0xffff_ffff >>> (32 - vectors));
  set32(machine, fn, place.pending, pending);
  for (let vector = 0; vector < vectors; vector++) {
    if (((pending >>> vector) & 1) === 0 || isMasked(machine, fn, place, vector)) continue;
    change32(machine, fn, place.pending, 1 << vector, 0);
    msiNotify(machine, fn, vector);
  }
}

export function resetMsi(machine: QemuMachine, fn: FunctionState): void {
  const at = imageOf(machine, fn).msi;
  if (at === null) return;
  const place = layout(machine, fn, at);
  set16(machine, fn, at + 2, place.flags & ~(ALLOCATED | ENABLE));
  set32(machine, fn, at + 4, 0);
  if ((place.flags & WIDE) !== 0) set32(machine, fn, at + 8, 0);
  set16(machine, fn, place.data, 0);
  if ((place.flags & MASKABLE) === 0) return;
  set32(machine, fn, place.mask, 0);
  set32(machine, fn, place.pending, 0);
}
