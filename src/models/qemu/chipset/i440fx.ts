import { overlaps } from '../../../pci/header.js';
import type { QemuMachine } from '../machine.js';
import { get8 } from '../registers.js';
import type { FunctionState } from '../state.js';
import { readPam } from './pam.js';

const PAM0 = 0x59;
const SMRAM = 0x72;
const SMRAM_OPEN = 0x40;

/** i440FX: shadow RAM (0x59-0x5f) and SMRAM (0x72); there is no ECAM. @source facts/q35-qemu 1.1 */
export function i440fxWritten(machine: QemuMachine, host: FunctionState, at: number, length: number): void {
  if (!overlaps(at, length, PAM0, 7) && !overlaps(at, length, SMRAM, 1)) return;
  machine.state.pam = readPam(machine, host, PAM0);
  machine.state.smramHidden = (get8(machine, host, SMRAM) & SMRAM_OPEN) === 0;
}
