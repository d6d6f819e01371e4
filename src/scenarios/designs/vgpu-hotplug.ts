import { vgpuReg } from '../../emulators/vgpu.js';
import {
  access,
  bareMachine,
  buildGuest,
  cf8,
  mapRange,
  PCI,
  startServer,
  untilServers,
} from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { bootFirmware, CLOSED_MEMORY, memoryWindow, reach } from './firmware.js';
import { bothModels, notes2018, startFullQemu, VGPU, VGPU_AUDIO, VGPU_PORT } from './machine.js';
import { enablePortMsi } from './q35.js';

const MIB = 0x10_0000;
const SLOT_CONTROL = 0xa8;
const SLOT_STATUS = 0xaa;
/** Button, presence and command events with the interrupt. */
const EVENTS = 0x39;
const POWER_OFF = 0x400;
const BLINK = 0x200;
const ON = 0x100;
const APERTURE = 0x18;
const FAR = 0xf000_0000;

/** @source facts/q35-qemu 2.8, 7; facts/xen 13.3 */
export const vgpuHotplug: Scenario = {
  name: 'vgpu-hotplug-behind-root-port',
  title: 'A vGPU of a second device model is plugged in behind a root port',
  source: `${notes2018}; facts/q35-qemu 2.8, 7`,
  shows:
    "The emulator registers the audio function, then function 0, while the guest runs. Only a slot of Xen's own shows the card and interrupts; QEMU's slot stays empty. The aperture of 32 MiB does not fit into 2 MiB of window, so the guest rebalances.",
  expects: ['IOR-001', 'BRG-001', 'IOR-003'],
  takesPlatform: false,
  platform: bareMachine,
  deviceModels: bothModels,
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      const emulator = yield* startServer('vgpu', []);
      yield* startFullQemu();
      yield untilServers(2);
      const found = yield* bootFirmware(machine);
      const windows = found.find(({ sbdf }) => sbdf === VGPU_PORT);
      yield* enablePortMsi(machine, VGPU_PORT);
      yield* cf8(machine, VGPU_PORT, SLOT_CONTROL, 2, EVENTS + POWER_OFF + 0x300);
      yield* cf8(machine, VGPU_PORT, SLOT_STATUS, 2, 0x10);

      yield* mapRange('vgpu', emulator, [PCI, VGPU_AUDIO, VGPU_AUDIO]);
      yield* cf8(machine, VGPU_PORT, SLOT_STATUS, 2);
      yield* mapRange('vgpu', emulator, [PCI, VGPU, VGPU]);
      yield* cf8(machine, VGPU_PORT, SLOT_STATUS, 2);
      yield* cf8(machine, VGPU_PORT, SLOT_STATUS, 2, 0x09);
      // No power yet: behind a real slot nothing answers.
      yield* cf8(machine, VGPU, 0x00, 4);
      yield* cf8(machine, VGPU_PORT, SLOT_CONTROL, 2, EVENTS + BLINK);
      yield* cf8(machine, VGPU_PORT, SLOT_CONTROL, 2, EVENTS + ON);
      yield* cf8(machine, VGPU, 0x00, 4);
      yield* cf8(machine, VGPU, 0x0c, 4);
      yield* cf8(machine, VGPU_AUDIO, 0x00, 4);
      yield* reach(machine, VGPU, vgpuReg.vendorSpecific, 4);

      // The window that firmware left an empty slot.
      const window = ((yield* cf8(machine, VGPU_PORT, 0x24, 4)) ?? 0) & 0xfff0;
      yield* cf8(machine, VGPU, APERTURE, 4, 0xffff_ffff);
      yield* cf8(machine, VGPU, APERTURE, 4);
      yield* cf8(machine, VGPU, APERTURE, 4, (window & 0xfe00) * 0x1_0000);
      yield* cf8(machine, VGPU, APERTURE + 4, 4, 0);
      yield* cf8(machine, VGPU, 0x04, 2, 0x0006);
      // Rebalance: decoding off, window closed, BAR moved, window where there is room.
      yield* cf8(machine, VGPU, 0x04, 2, 0);
      yield* cf8(machine, VGPU_PORT, 0x24, 4, CLOSED_MEMORY);
      yield* cf8(machine, VGPU, APERTURE, 4, FAR);
      yield* cf8(machine, VGPU_PORT, 0x24, 4, memoryWindow(FAR, FAR + 32 * MIB));
      yield* cf8(machine, VGPU, 0x04, 2, 0x0006);
      yield* access(machine, { space: 'mem', addr: FAR + 31 * MIB, size: 4, value: 0x5566_7788 });
      yield* access(machine, { space: 'mem', addr: FAR + 31 * MIB, size: 4 });
      if (windows !== undefined) yield* cf8(machine, windows.sbdf, 0x18, 4);
    },
  }),
};
