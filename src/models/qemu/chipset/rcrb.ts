import { has } from '../../../policy/has.js';
import type { QemuMachine } from '../machine.js';

/** Bytes of ICH9's root complex register block. */
export const RCRB_BYTES = 0x4000;

/** Registers that are not 0 at reset: interrupt routes DxxIR and GCS. @source facts/q35-qemu 1.4 */
const RESET: Readonly<Record<number, number>> = {
  12608: 0x3210, // 0x3140 D31IR; D30IR above it reads 0
  12612: 0x3210_3210, // 0x3144 D29IR, 0x3146 D28IR
  12616: 0x3210, // 0x3148 D27IR
  12620: 0x3210, // 0x314c D26IR
  12624: 0x3210, // 0x3150 D25IR
  13328: 0x20, // 0x3410 GCS
};
const GCS = 13328;

function resetValue(machine: QemuMachine, aligned: number): number {
  if (aligned === GCS && has(machine.board.releases, 'gcs-without-no-reboot')) return 0;
  return RESET[aligned] ?? 0;
}

const byteAt = (machine: QemuMachine, at: number): number => {
  const aligned = at & ~3;
  const dword = machine.state.chipConfig[aligned] ?? resetValue(machine, aligned);
  return (dword >>> (8 * (at & 3))) & 0xff;
};

export const chipConfig16 = (machine: QemuMachine, at: number): number =>
  byteAt(machine, at) | (byteAt(machine, at + 1) << 8);

/** Plain storage of any width; an access is cut at the end of the block. */
export function readRcrb(machine: QemuMachine, at: number, sizeBytes: number): number {
  let value = 0;
  for (let i = 0; i < sizeBytes && at + i < RCRB_BYTES; i++) value += byteAt(machine, at + i) * 2 ** (8 * i);
  return value;
}

export function writeRcrb(machine: QemuMachine, at: number, sizeBytes: number, value: number): void {
  for (let i = 0; i < sizeBytes && at + i < RCRB_BYTES; i++) {
    const aligned = (at + i) & ~3;
    const shift = 8 * ((at + i) & 3);
    const old = machine.state.chipConfig[aligned] ?? resetValue(machine, aligned);
    machine.state.chipConfig[aligned] =
      ((old & ~(0xff << shift)) | (((value >>> (8 * i)) & 0xff) << shift)) >>> 0;
  }
}
