import type { QemuMachine } from './machine.js';
import type { FunctionState } from './state.js';

/** Raw bytes of a function's configuration space: no masks, no side effects. Offsets are inside its image. */
export function get32(machine: QemuMachine, fn: FunctionState, at: number): number {
  if ((at & 3) === 0) return fn.config[at] ?? machine.images[fn.image]!.dwords[at >>> 2] ?? 0;
  return (get16(machine, fn, at) + get16(machine, fn, at + 2) * 0x1_0000) >>> 0;
}

export function get8(machine: QemuMachine, fn: FunctionState, at: number): number {
  const aligned = at & ~3;
  const dword = fn.config[aligned] ?? machine.images[fn.image]!.dwords[at >>> 2] ?? 0;
  return (dword >>> (8 * (at & 3))) & 0xff;
}

export const get16 = (machine: QemuMachine, fn: FunctionState, at: number): number =>
  get8(machine, fn, at) | (get8(machine, fn, at + 1) << 8);

export function set8(machine: QemuMachine, fn: FunctionState, at: number, value: number): void {
  const aligned = at & ~3;
  const shift = 8 * (at & 3);
  const old = fn.config[aligned] ?? machine.images[fn.image]!.dwords[at >>> 2] ?? 0;
  fn.config[aligned] = ((old & ~(0xff << shift)) | ((value & 0xff) << shift)) >>> 0;
}

export function set16(machine: QemuMachine, fn: FunctionState, at: number, value: number): void {
  set8(machine, fn, at, value);
  set8(machine, fn, at + 1, value >>> 8);
}

export function set32(machine: QemuMachine, fn: FunctionState, at: number, value: number): void {
  if ((at & 3) === 0) {
    fn.config[at] = value >>> 0;
    return;
  }
  set16(machine, fn, at, value);
  set16(machine, fn, at + 2, value >>> 16);
}

/** Clears `clear`, then sets `set`, in a word. */
export const change16 = (m: QemuMachine, fn: FunctionState, at: number, clear: number, set: number): void =>
  set16(m, fn, at, (get16(m, fn, at) & ~clear) | set);

/** Clears `clear`, then sets `set`, in a dword. */
export const change32 = (m: QemuMachine, fn: FunctionState, at: number, clear: number, set: number): void =>
  set32(m, fn, at, (get32(m, fn, at) & ~clear) | set);

export const writeMaskAt = (machine: QemuMachine, fn: FunctionState, at: number): number =>
  fn.writeMask[at] ?? machine.images[fn.image]!.writeMask[at] ?? 0;
