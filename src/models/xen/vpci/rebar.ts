import { sizeBar } from './bars.js';
import type { VpciPorts } from './ports.js';

const CAP_FIRST = 4;
const CTRL_FIRST = 8;
const STRIDE = 8;

export const rebarRegisters = {
  cap: (position: number, i: number): number => position + CAP_FIRST + i * STRIDE,
  control: (position: number, i: number): number => position + CTRL_FIRST + i * STRIDE,
} as const;

/** Size field of a control word, as a power of two of bytes. */
const sizeBitOf = (control: number): number => (control >>> 8) & 0x3f;
export const resizableCount = (control: number): number => (control >>> 5) & 7;
export const barIndexOf = (control: number): number => control & 7;

/** Sizes on offer: bits 31:4 of the capability word, then bits 31:16 of the control word. */
export const offeredSizes = (cap: number, control: number): number =>
  (cap >>> 4) + (control >>> 16) * 2 ** 28;

/**
 * Writes to a resizable BAR's control word: refused while the BAR is mapped, else written through and the BAR sized
 * again. @source facts/xen 5.7
 */
export function writeRebarControl(ports: VpciPorts, reg: number, index: number, value: number): void {
  const bar = ports.device().bars[index]!;
  const bit = sizeBitOf(value);
  const size = 2 ** (bit + 20);
  if (bar.enabled) {
    if (size !== bar.sizeHi * 2 ** 32 + bar.sizeLo)
      ports.warn(`refuse to resize BAR#${index} with memory decoding enabled`);
    return;
  }
  if (Math.floor(bar.resizableSizes / 2 ** bit) % 2 === 0)
    ports.warn(`new BAR#${index} size 0x${size.toString(16)} is not supported by hardware`);
  ports.hwWrite(reg, 4, value);
  const sized = sizeBar(ports, 0x10 + index * 4, index === 5 ? 'last' : 'plain');
  ports.change('bar', index, { ...sized, guestLo: sized.addressLo, guestHi: sized.addressHi });
}
