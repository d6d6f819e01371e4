import { imageOf, type QemuMachine } from '../machine.js';
import { set8 } from '../registers.js';
import type { FunctionState } from '../state.js';
import { chipsetWritten } from './written.js';

/**
 * Registers that a chipset function sets back in a machine reset, as first offset and count; the others keep what was
 * written, PAM among them.
 * @source QEMU hw/pci-host/q35.c mch_reset, hw/isa/lpc_ich9.c ich9_lpc_reset, hw/isa/piix3.c piix3_reset,
 * hw/acpi/piix4.c piix4_pm_reset (7.2)
 */
const SET_BACK: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  mch: [
    [0x50, 2],
    [0x60, 8],
    [0x9c, 3],
  ],
  'ICH9-LPC': [
    [0x40, 5],
    [0x60, 4],
    [0x68, 4],
    [0xf0, 4],
  ],
  PIIX3: [
    [0x4c, 1],
    [0x4e, 2],
    [0x60, 4],
    [0x69, 1],
    [0x70, 1],
    [0x76, 4],
    [0x80, 1],
    [0x82, 1],
    [0xa0, 1],
    [0xa2, 4],
    [0xa6, 3],
    [0xaa, 3],
    [0xae, 1],
  ],
  PIIX4_PM: [
    [0x40, 1],
    [0x58, 4],
    [0x80, 1],
  ],
};

/** The own reset of a chipset function; what its registers shape follows them. */
export function resetChipset(machine: QemuMachine, fn: FunctionState): void {
  const image = imageOf(machine, fn);
  const ranges = SET_BACK[image.type];
  if (ranges === undefined) return;
  for (const [from, count] of ranges) {
    for (let at = from; at < from + count; at++) {
      set8(machine, fn, at, image.config[at]!);
      if (image.type === 'mch') delete fn.writeMask[at];
    }
  }
  if (image.type === 'PIIX3') {
    // It forgets which pins drive which line, and does not drive the lines themselves.
    machine.state.piixLevels = {};
    return;
  }
  if (image.type === 'ICH9-LPC') {
    machine.state.chipConfig = {};
    machine.state.pm.sciLevel = false;
  }
  chipsetWritten(machine, fn, 0, image.config.length);
}
