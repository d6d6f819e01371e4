import { reg } from './header.js';

/** Addresses a bridge forwards: `sizeBytes` from `base`; size 0 is closed. 64-bit addresses as doubles (see below). */
export interface Window {
  readonly base: number;
  readonly sizeBytes: number;
}

export const closedWindow: Window = { base: 0, sizeBytes: 0 };

/** Reads one byte of a bridge's configuration space. */
export type ByteReader = (offsetBytes: number) => number;

const TWO_32 = 2 ** 32;
const word = (byte: ByteReader, at: number): number => byte(at) | (byte(at + 1) << 8);
const dword = (byte: ByteReader, at: number): number => word(byte, at) + word(byte, at + 2) * 0x1_0000;

/**
 * Base to limit, both included. Base above limit is the only way to close a window: 0/0 is open at address 0.
 * The ends are multiples of 4 KiB, so doubles hold every 64-bit one exactly; the whole 64-bit space has size 0,
 * as in QEMU.
 * @source facts/q35-qemu 2.5
 */
function span(base: number, end: number): Window {
  const sizeBytes = end > base ? end - base : 0;
  return { base, sizeBytes: sizeBytes >= 2 ** 64 ? 0 : sizeBytes };
}

/** The I/O window; the upper halves count when the type nibble says 32 bit. @source facts/q35-qemu 2.5 */
export function ioWindow(byte: ByteReader): Window {
  const end = (low: number, upper: number): number =>
    (byte(low) & 0xf0) * 0x100 + ((byte(low) & 0x0f) === 1 ? word(byte, upper) * 0x1_0000 : 0);
  return span(end(reg.ioBase, reg.ioBaseUpper), end(reg.ioLimit, reg.ioLimitUpper) + 0x1000);
}

/** The non-prefetchable memory window: 32 bit, 1 MiB steps. @source facts/q35-qemu 2.5 */
export function memoryWindow(byte: ByteReader): Window {
  const end = (at: number): number => (word(byte, at) & 0xfff0) * 0x1_0000;
  return span(end(reg.memoryBase), end(reg.memoryLimit) + 0x10_0000);
}

/** The prefetchable window; each end is 64 bit when its own type nibble says so. @source facts/q35-qemu 2.5 */
export function prefetchableWindow(byte: ByteReader): Window {
  const end = (at: number, upper: number): number =>
    (word(byte, at) & 0xfff0) * 0x1_0000 + ((word(byte, at) & 0x0f) === 1 ? dword(byte, upper) * TWO_32 : 0);
  return span(end(reg.prefBase, reg.prefBaseUpper), end(reg.prefLimit, reg.prefLimitUpper) + 0x10_0000);
}

/** Whether two windows claim a common address. */
export const windowsOverlap = (a: Window, b: Window): boolean =>
  a.sizeBytes > 0 && b.sizeBytes > 0 && a.base < b.base + b.sizeBytes && b.base < a.base + a.sizeBytes;
