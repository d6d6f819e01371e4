import type { RegisterRule } from './handlers.js';

/** Hardware below the handlers; sizes 1 to 3 come from gaps and tails. */
export type HardwareRead = (reg: number, sizeBytes: number) => number;
export type HardwareWrite = (reg: number, sizeBytes: number, value: number) => void;

const byteMask = (sizeBytes: number): number => (sizeBytes >= 4 ? 0xffff_ffff : (1 << (8 * sizeBytes)) - 1);

/** Puts the low `sizeBytes` of `value` into `data` at byte `at`. */
function merge(data: number, value: number, sizeBytes: number, at: number): number {
  const mask = byteMask(sizeBytes);
  return ((data & ~(mask << (8 * at))) | ((value & mask) << (8 * at))) >>> 0;
}

/**
 * `vpci_read`: walks the sorted list; every register the access touches is read once as a whole, what no register
 * covers comes from hardware.
 *
 * @param reg Register offset, with `reg + sizeBytes` at most 4096.
 * @param sizeBytes 1 to 4.
 * @source facts/xen 5.3
 * @cost One pass over the list.
 */
export function mergedRead<R extends RegisterRule>(
  list: readonly R[],
  reg: number,
  sizeBytes: number,
  hardware: HardwareRead,
  readRegister: (register: R) => number,
): number {
  let data = 0xffff_ffff;
  let done = 0;
  for (const register of list) {
    const start = reg + done;
    if (register.offset >= reg + sizeBytes) break;
    if (register.offset + register.size <= start) continue;
    if (start < register.offset) {
      const gap = register.offset - start;
      data = merge(data, hardware(start, gap), gap, done);
      done += gap;
    }
    let value = readRegister(register) & ~(register.rsvdp | register.rsvdz);
    const skipped = reg + done - register.offset;
    if (skipped > 0) value >>>= 8 * skipped;
    const overlap = Math.min(reg + sizeBytes, register.offset + register.size) - (reg + done);
    data = merge(data, value, overlap, done);
    done += overlap;
    if (done === sizeBytes) break;
  }
  if (done < sizeBytes) data = merge(data, hardware(reg + done, sizeBytes - done), sizeBytes - done, done);
  return (data & byteMask(sizeBytes)) >>> 0;
}

/**
 * `vpci_write`: gaps and tail go to hardware in order; a register gets its whole new value, made from the written
 * bytes, the old value where it was only partly written, and its masks. Write-1-to-clear bits that were not written go
 * down as 0. @source facts/xen 5.3
 */
export function mergedWrite<R extends RegisterRule>(
  list: readonly R[],
  reg: number,
  sizeBytes: number,
  data: number,
  hardware: HardwareWrite,
  readRegister: (register: R) => number,
  writeRegister: (register: R, value: number) => void,
): void {
  let done = 0;
  const rest = (): number => (done === 0 ? data : done >= 4 ? 0 : data >>> (8 * done));
  for (const register of list) {
    const start = reg + done;
    if (register.offset >= reg + sizeBytes) break;
    if (register.offset + register.size <= start) continue;
    if (start < register.offset) {
      const gap = register.offset - start;
      hardware(start, gap, (rest() & byteMask(gap)) >>> 0);
      done += gap;
    }
    const overlap = Math.min(reg + sizeBytes, register.offset + register.size) - (reg + done);
    const at = reg + done - register.offset;
    writeRegister(register, valueToWrite(register, rest(), overlap, at, readRegister));
    done += overlap;
    if (done === sizeBytes) break;
  }
  if (done < sizeBytes) hardware(reg + done, sizeBytes - done, (rest() & byteMask(sizeBytes - done)) >>> 0);
}

function valueToWrite<R extends RegisterRule>(
  register: R,
  written: number,
  sizeBytes: number,
  at: number,
  readRegister: (register: R) => number,
): number {
  const keep = register.ro | register.rsvdp;
  let current = 0;
  let data = written;
  if (sizeBytes !== register.size || keep !== 0) {
    current = readRegister(register) & ~register.rw1c;
    data = merge(current, written, sizeBytes, at);
  }
  data = (data & ~(keep | register.rsvdz)) | (current & keep);
  return (data & byteMask(register.size)) >>> 0;
}

/** `vpci_access_allowed`: power-of-two size up to 8, naturally aligned. @source facts/xen 5.3 */
export function isAccessAllowed(reg: number, sizeBytes: number): boolean {
  return (
    (sizeBytes === 1 || sizeBytes === 2 || sizeBytes === 4 || sizeBytes === 8) &&
    Number.isInteger(reg) &&
    reg >= 0 &&
    reg % sizeBytes === 0
  );
}

/** How Xen cuts a hardware access: 3 bytes are 1 + 2 from an odd register, 2 + 1 from an even one. @source facts/xen 5.3 */
export function hardwarePieces(reg: number, sizeBytes: number): readonly (1 | 2 | 4)[] {
  switch (sizeBytes) {
    case 4:
      return [4];
    case 3:
      return reg % 2 === 1 ? [1, 2] : [2, 1];
    case 2:
      return [2];
    default:
      return [1];
  }
}
