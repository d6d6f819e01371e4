import { type Region, region } from '../region.js';

/** Commands that switch ACPI mode on and off. @source measured; QEMU hw/acpi/ich9.c, hw/acpi/piix4.c of 7.2 */
const COMMANDS = { q35: { enable: 0x02, disable: 0x03 }, pc: { enable: 0xf1, disable: 0xf0 } } as const;
const SCI_ENABLE = 1;

/**
 * Ports 0xb2 and 0xb3: a command for system management mode and a status byte, both stored. Two commands also set
 * and clear SCI_EN of PM1 control; the interrupt itself is the processor's.
 */
export const apmPorts: Region = region('apm-io', {
  maxStep: 1,
  read: ({ state: { pm } }, _target, at) => (at === 0 ? pm.apmCommand : pm.apmStatus),
  write: ({ board, state: { pm } }, _target, at, _size, value) => {
    if (at !== 0) {
      pm.apmStatus = value & 0xff;
      return;
    }
    pm.apmCommand = value & 0xff;
    if (board.kind === 'virt') return;
    const { enable, disable } = COMMANDS[board.kind];
    if (pm.apmCommand === enable) pm.control |= SCI_ENABLE;
    else if (pm.apmCommand === disable) pm.control &= ~SCI_ENABLE;
  },
});
