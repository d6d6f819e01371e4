import { setIrq } from './chipset/pirq.js';
import { updateSci } from './chipset/pm-registers.js';
import { resetBus } from './function/reset.js';
import type { QemuMachine } from './machine.js';
import { ejectPending } from './plugging/acpi-hotplug.js';

/**
 * A reset of the whole machine, as a guest asks for it through 0xCF9, port 0x92 or the keyboard controller: every
 * function as at a secondary bus reset, the chipset to its power-on registers, power management as if it had just
 * begun. CONFIG_ADDRESS, PAM and RAM stay; devices asked to leave through ACPI leave.
 * @source QEMU softmmu/runstate.c qemu_system_reset, hw/acpi/ich9.c pm_reset, hw/acpi/pcihp.c acpi_pcihp_reset (7.2)
 */
export function resetMachine(machine: QemuMachine): void {
  const { state, board } = machine;
  machine.effects.push({ kind: 'reset' });
  if (board.kind === 'q35') resetPowerManagement(machine);
  if (board.kind !== 'virt') {
    // The interval timer starts anew with its output high.
    setIrq(machine, TIMER_PIN, false);
    setIrq(machine, TIMER_PIN, true);
  }
  // Expanders stand beside the root bus, the newest first.
  for (let bus = state.buses.length - 1; bus >= 0; bus--) {
    if (state.buses[bus] !== null && state.buses[bus]!.number !== null) resetBus(machine, bus);
  }
  if (board.kind === 'pc') resetPowerManagement(machine);
  state.resetControl = 0;
  state.keyboardCommand = 0;
  state.flashCommanded = false;
}

const TIMER_PIN = 0;

function resetPowerManagement(machine: QemuMachine): void {
  const { pm } = machine.state;
  pm.status = 0;
  pm.enable = 0;
  pm.control = 0;
  pm.timerDue = true;
  pm.gpe = {};
  pm.smiEnable = 0;
  pm.smiEnableWritable = 0xffff_ffff;
  ejectPending(machine);
  updateSci(machine);
}
