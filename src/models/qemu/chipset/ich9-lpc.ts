import { overlaps } from '../../../pci/header.js';
import type { QemuMachine } from '../machine.js';
import { get8, get16, get32, writeMaskAt } from '../registers.js';
import type { FunctionState } from '../state.js';
import { setIrq, updateIoapicPin, updateIsaPin } from './pirq.js';

/** Registers of the LPC bridge. @source facts/q35-qemu 1.4 */
const PMBASE = 0x40;
const ACPI_CNTL = 0x44;
const GEN_PMCON_1 = 0xa0;
const RCBA = 0xf0;

const ACPI_ENABLE = 0x80;
const SMI_LOCK = 0x10;

export function lpcWritten(machine: QemuMachine, lpc: FunctionState, at: number, length: number): void {
  if (overlaps(at, length, PMBASE, 5)) updatePm(machine, lpc);
  if (overlaps(at, length, RCBA, 4)) {
    const rcba = get32(machine, lpc, RCBA);
    machine.state.rcba = (rcba & 1) === 0 ? null : (rcba & 0xffff_c000) >>> 0;
  }
  if (overlaps(at, length, GEN_PMCON_1, 8) && (get16(machine, lpc, GEN_PMCON_1) & SMI_LOCK) !== 0) {
    lpc.writeMask[GEN_PMCON_1] = writeMaskAt(machine, lpc, GEN_PMCON_1) & ~SMI_LOCK;
    machine.state.pm.smiEnableWritable &= ~1;
  }
}

/** The 128 ports of the PM block and the SCI's interrupt; the SCI moves with its level. */
function updatePm(machine: QemuMachine, lpc: FunctionState): void {
  const { state } = machine;
  const control = get8(machine, lpc, ACPI_CNTL);
  const base = (control & ACPI_ENABLE) === 0 ? 0 : get32(machine, lpc, PMBASE) & 0xff80;
  state.pmBase = base === 0 ? null : base;
  const irq = SCI_IRQ[control & 7];
  if (irq === undefined || irq === state.pm.sciIrq) return;
  const level = state.pm.sciLevel;
  setSci(machine, false);
  state.pm.sciIrq = irq;
  setSci(machine, level);
}

/** SCI select codes; 3, 6 and 7 are reserved and change nothing. */
const SCI_IRQ: Readonly<Record<number, number>> = { 0: 9, 1: 10, 2: 11, 4: 20, 5: 21 };

/**
 * Drives the system control interrupt; on q35 ORed with the PIRQs routed to the same pin. PIIX4 drives its pin at every
 * update, whatever a PIRQ routed there holds it at.
 * @source QEMU hw/acpi/core.c acpi_update_sci, hw/isa/lpc_ich9.c ich9_set_sci (7.2)
 */
export function setSci(machine: QemuMachine, level: boolean): void {
  const { pm } = machine.state;
  if (machine.board.kind === 'pc') {
    pm.sciLevel = level;
    return setIrq(machine, pm.sciIrq, level);
  }
  if (pm.sciLevel === level) return;
  pm.sciLevel = level;
  if (pm.sciIrq >= 16) updateIoapicPin(machine, pm.sciIrq);
  else updateIsaPin(machine, pm.sciIrq);
}
