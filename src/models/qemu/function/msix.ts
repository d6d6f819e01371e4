import type { MsixImage } from '../image.js';
import { imageOf, type QemuMachine } from '../machine.js';
import { get8, set8 } from '../registers.js';
import type { FunctionState } from '../state.js';
import { dmaWrite32 } from './dma.js';
import { setIntx } from './intx.js';

/** Bits of the high control byte. */
const ENABLE = 0x80;
const MASK_ALL = 0x40;

const controlAt = (msix: MsixImage): number => msix.offsetBytes + 3;

export function msixEnabled(machine: QemuMachine, fn: FunctionState): boolean {
  const { msix } = imageOf(machine, fn);
  return msix !== null && (get8(machine, fn, controlAt(msix)) & ENABLE) !== 0;
}

/** Dword of the vector table; the last of an entry is masked (1) at reset. */
export const readMsixTable = (fn: FunctionState, at: number): number =>
  fn.msixTable[at] ?? ((at & 0xf) === 12 ? 1 : 0);

export const readMsixPending = (fn: FunctionState, at: number): number => fn.msixPending[at] ?? 0;

const entryMasked = (fn: FunctionState, vector: number, functionMasked: boolean): boolean =>
  functionMasked || (readMsixTable(fn, 16 * vector + 12) & 1) !== 0;

/** Stores a table dword; a vector that becomes unmasked is sent when it was pending. */
export function writeMsixTable(machine: QemuMachine, fn: FunctionState, at: number, value: number): void {
  const vector = at >>> 4;
  const was = entryMasked(fn, vector, fn.msixMasked);
  fn.msixTable[at] = value >>> 0;
  maskChanged(machine, fn, vector, was);
}

function maskChanged(machine: QemuMachine, fn: FunctionState, vector: number, was: boolean): void {
  if (!was || entryMasked(fn, vector, fn.msixMasked)) return;
  const at = (vector >>> 5) * 4;
  const bit = 1 << (vector & 31);
  const pending = readMsixPending(fn, at);
  if ((pending & bit) === 0) return;
  fn.msixPending[at] = (pending & ~bit) >>> 0;
  msixNotify(machine, fn, vector);
}

/** Sends a vector, or remembers it as pending when it or the function is masked. @source facts/q35-qemu 2.10 */
export function msixNotify(machine: QemuMachine, fn: FunctionState, vector: number): void {
  const { msix } = imageOf(machine, fn);
  if (msix === null || vector >= msix.vectors) return;
  if (entryMasked(fn, vector, fn.msixMasked)) {
    const at = (vector >>> 5) * 4;
    fn.msixPending[at] = (readMsixPending(fn, at) | (1 << (vector & 31))) >>> 0;
    return;
  }
  const entry = 16 * vector;
  const address = readMsixTable(fn, entry) + readMsixTable(fn, entry + 4) * 2 ** 32;
  dmaWrite32(machine, fn, address, readMsixTable(fn, entry + 8));
}

/** After a config write that covers the high control byte. */
export function msixWritten(machine: QemuMachine, fn: FunctionState, from: number, sizeBytes: number): void {
  const { msix } = imageOf(machine, fn);
  if (msix === null) return;
  const at = controlAt(msix);
  if (at < from || at >= from + sizeBytes) return;
  const was = fn.msixMasked;
  const control = get8(machine, fn, at);
  fn.msixMasked = (control & ENABLE) === 0 || (control & MASK_ALL) !== 0;
  machine.observer?.msixControl(fn, (control & ENABLE) !== 0, (control & MASK_ALL) !== 0);
  if ((control & ENABLE) === 0) return;
  setIntx(machine, fn, false);
  if (fn.msixMasked === was) return;
  for (let vector = 0; vector < msix.vectors; vector++) {
    maskChanged(machine, fn, vector, entryMasked(fn, vector, was));
  }
}

/** Clears the control bits, the table and the pending bits. `msixMasked` stays, as in QEMU, until the next write. */
export function resetMsix(machine: QemuMachine, fn: FunctionState): void {
  const { msix, writeMask } = imageOf(machine, fn);
  if (msix === null) return;
  const at = controlAt(msix);
  set8(machine, fn, at, get8(machine, fn, at) & ~(writeMask[at] ?? 0));
  fn.msixTable = {};
  fn.msixPending = {};
}
