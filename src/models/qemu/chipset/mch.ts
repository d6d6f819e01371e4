import { overlaps } from '../../../pci/header.js';
import { has } from '../../../policy/has.js';
import type { QemuMachine } from '../machine.js';
import { get8, get16, get32, set8, set16, writeMaskAt } from '../registers.js';
import type { FunctionState } from '../state.js';
import { readPam } from './pam.js';

/** Registers of the memory controller hub. @source facts/q35-qemu 1.3 */
const EXT_TSEG = 0x50;
const PCIEXBAR = 0x60;
const PAM0 = 0x90;
const SMBASE_LOCK = 0x9c;
const SMRAM = 0x9d;
const ESMRAMC = 0x9e;

const SMRAM_OPEN = 0x40;
const SMRAM_LOCK = 0x10;
const SMRAM_ENABLE = 0x08;
const ESMRAMC_HIGH = 0x80;
const ESMRAMC_TSEG = 0x01;
const MIB = 0x10_0000;

export function mchWritten(machine: QemuMachine, mch: FunctionState, at: number, length: number): void {
  if (overlaps(at, length, PAM0, 7)) machine.state.pam = readPam(machine, mch, PAM0);
  if (overlaps(at, length, PCIEXBAR, 8)) updateEcam(machine, mch);
  if (overlaps(at, length, SMRAM, 2)) updateSmram(machine, mch);
  if (overlaps(at, length, EXT_TSEG, 2) && get16(machine, mch, EXT_TSEG) === 0xffff) {
    set16(machine, mch, EXT_TSEG, extendedTsegMib(machine));
  }
  if (machine.board.smbaseSmram && overlaps(at, length, SMBASE_LOCK, 1)) updateSmbaseLock(machine, mch);
}

const extendedTsegMib = (machine: QemuMachine): number =>
  has(machine.board.releases, 'tseg-of-64-mib') ? 64 : 16;

/** PCIEXBAR as decoded: `reserved` when the size code is 3. */
export type Pciexbar =
  | { readonly kind: 'reserved' }
  | { readonly kind: 'window'; readonly enabled: boolean; readonly base: number; readonly sizeBytes: number };

/** Base-address bits below 28 that each size code takes, as QEMU has them and as the datasheet does. */
const LOW_BASE_BITS = {
  qemu: [0, 0x0600_0000, 0x0200_0000],
  datasheet: [0, 0x0800_0000, 0x0c00_0000],
} as const;

/**
 * Decodes PCIEXBAR: bit 0 enable, bits 2:1 size (256, 128, 64 MiB, reserved), base up to bit 35.
 * @source facts/q35-qemu 1.3
 */
export function decodePciexbar(low: number, high: number, masks: 'qemu' | 'datasheet'): Pciexbar {
  const code = (low >>> 1) & 3;
  if (code === 3) return { kind: 'reserved' };
  const base = (high & 0xf) * 2 ** 32 + ((low & (0xf000_0000 | LOW_BASE_BITS[masks][code]!)) >>> 0);
  return { kind: 'window', enabled: (low & 1) !== 0, base, sizeBytes: (256 * MIB) >>> code };
}

/** Every write of any of the eight bytes re-evaluates the window; a reserved size leaves the old one in place. */
function updateEcam(machine: QemuMachine, mch: FunctionState): void {
  const { pciexbarMasks } = machine.board;
  const decoded = decodePciexbar(
    get32(machine, mch, PCIEXBAR),
    get32(machine, mch, PCIEXBAR + 4),
    pciexbarMasks,
  );
  if (decoded.kind === 'reserved') return;
  machine.state.ecam = decoded.enabled ? { base: decoded.base, sizeBytes: decoded.sizeBytes } : null;
}

function updateSmram(machine: QemuMachine, mch: FunctionState): void {
  const { state } = machine;
  if ((get8(machine, mch, SMRAM) & SMRAM_LOCK) !== 0) {
    set8(machine, mch, SMRAM, get8(machine, mch, SMRAM) & ~SMRAM_OPEN);
    mch.writeMask[SMRAM] = 0x20;
    mch.writeMask[ESMRAMC] = 0;
  }
  const smram = get8(machine, mch, SMRAM);
  const esmramc = get8(machine, mch, ESMRAMC);
  const high = (esmramc & ESMRAMC_HIGH) !== 0;
  const open = (smram & SMRAM_OPEN) !== 0;
  state.smramHidden = open ? high : true;
  state.openHighSmram = open && high;
  const tseg = (esmramc & ESMRAMC_TSEG) !== 0 && (smram & SMRAM_ENABLE) !== 0;
  state.tsegBytes = tseg ? ([1, 2, 8][(esmramc >>> 1) & 3] ?? extendedTsegMib(machine)) * MIB : 0;
}

/** SMBASE lock: write 0xff to ask, read 1 back, write 2 to lock for good. */
function updateSmbaseLock(machine: QemuMachine, mch: FunctionState): void {
  const value = get8(machine, mch, SMBASE_LOCK);
  if (value === 0xff) {
    mch.writeMask[SMBASE_LOCK] = 0x02;
    set8(machine, mch, SMBASE_LOCK, 0x01);
    return;
  }
  if (writeMaskAt(machine, mch, SMBASE_LOCK) === 0xff) set8(machine, mch, SMBASE_LOCK, 0);
  if ((get8(machine, mch, SMBASE_LOCK) & 0x02) !== 0) {
    mch.writeMask[SMBASE_LOCK] = writeMaskAt(machine, mch, SMBASE_LOCK) & ~0x02;
    set8(machine, mch, SMBASE_LOCK, 0x02);
    machine.state.smbaseLocked = true;
  } else {
    machine.state.smbaseLocked = false;
  }
}
