import { emptyRootPort, placed, sharedMemory } from '../../emulators/q35-functions.js';
import { bdf } from '../../pci/sbdf.js';
import { access, bareMachine, buildGuest, cf8, MEMORY, PCI, PORT, startServer } from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { enablePortMsi, identify, openEcam, q35Qemu, untilMapped } from './q35.js';

const HOST_BRIDGE = bdf(0, 0, 0);
const LPC = bdf(0, 0x1f, 0);
const ROOT_PORT = bdf(0, 0x1c, 0);
const PLUGGED = bdf(1, 0, 0);

const MIB = 0x10_0000;
const SMALL = 0xf000_0000;
const LARGE = 0xe000_0000;
const DOORBELL = 0xf100_0000;

const SLOT_CONTROL = 0xa8;
const SLOT_STATUS = 0xaa;
/** Attention button, presence and command events with the interrupt; attention indicator off. */
const EVENTS = 0x39 + 0xc0;
const POWER_OFF = 0x400;
const INDICATOR_ON = 0x100;
const INDICATOR_BLINK = 0x200;
const INDICATOR_OFF = 0x300;

const BAR2 = 0x18;
const PREFETCHABLE = 0x24;

/** A card of 16 MiB in the slot of a port that firmware gave 2 MiB. @source facts/q35-qemu 2.5, 2.8, 7 */
export const hotplugWindowTooSmall: Scenario = {
  name: 'hotplug-window-too-small',
  title: 'A hot-plugged BAR does not fit into the window of its port',
  source: 'xen-devel 2018, PCI emulation with several device models; facts/q35-qemu 2.5, 2.8, 7',
  shows:
    'Plugging through native slot registers behind a port with a 2 MiB window: the guest first puts the 16 MiB BAR there and reaches an eighth of it, then closes the window, moves and widens it. QEMU registers each part as it becomes reachable.',
  expects: ['BRG-001'],
  takesPlatform: false,
  platform: bareMachine,
  deviceModels: (env) => [
    q35Qemu(
      env,
      { names: 'realised', configBytes: 256 },
      [placed(emptyRootPort(), ROOT_PORT, null, 'rp1')],
      [sharedMemory(16 * MIB)],
    ),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      yield* startServer('qemu', [
        [PORT, 0xcf8, 0xcff],
        [PCI, HOST_BRIDGE, HOST_BRIDGE],
        [PCI, LPC, LPC],
        [PCI, ROOT_PORT, ROOT_PORT],
      ]);
      // Firmware: bus 1 behind the port, 1 MiB of memory, 2 MiB prefetchable.
      yield* identify(machine, HOST_BRIDGE);
      yield* openEcam(machine);
      yield* identify(machine, ROOT_PORT);
      yield* cf8(machine, ROOT_PORT, 0x18, 4, 0x0001_0100);
      yield* cf8(machine, ROOT_PORT, 0x20, 4, 0xf100_f100);
      yield* cf8(machine, ROOT_PORT, PREFETCHABLE, 4, 0xf010_f000);
      yield* cf8(machine, ROOT_PORT, 0x28, 4, 0);
      yield* cf8(machine, ROOT_PORT, 0x2c, 4, 0);
      yield* cf8(machine, ROOT_PORT, 0x04, 2, 0x0007);
      // Driver of the slot.
      yield* enablePortMsi(machine, ROOT_PORT);
      yield* cf8(machine, ROOT_PORT, SLOT_CONTROL, 2, EVENTS + INDICATOR_OFF + POWER_OFF);
      yield* cf8(machine, ROOT_PORT, SLOT_STATUS, 2, 0x10);

      yield {
        kind: 'model.heard',
        by: 'toolstack',
        data: {
          model: 'qemu',
          what: 'device_add',
          args: { driver: 'ivshmem-plain', id: 'shm0', bus: 'rp1', devfn: 0 },
        },
      };
      yield untilMapped(PCI, PLUGGED);
      yield* cf8(machine, ROOT_PORT, SLOT_STATUS, 2);
      yield* cf8(machine, ROOT_PORT, SLOT_STATUS, 2, 0x09);
      yield* cf8(machine, ROOT_PORT, SLOT_CONTROL, 2, EVENTS + INDICATOR_BLINK + POWER_OFF);
      // Without power nothing answers.
      yield* cf8(machine, PLUGGED, 0x00, 4);
      yield* cf8(machine, ROOT_PORT, SLOT_CONTROL, 2, EVENTS + INDICATOR_BLINK);
      yield* cf8(machine, ROOT_PORT, SLOT_CONTROL, 2, EVENTS + INDICATOR_ON);
      yield* identify(machine, PLUGGED);

      for (const at of [0x10, BAR2]) {
        yield* cf8(machine, PLUGGED, at, 4);
        yield* cf8(machine, PLUGGED, at, 4, 0xffff_ffff);
        yield* cf8(machine, PLUGGED, at, 4);
      }
      yield* cf8(machine, PLUGGED, 0x10, 4, DOORBELL);
      yield* cf8(machine, PLUGGED, BAR2, 4, SMALL);
      yield* cf8(machine, PLUGGED, BAR2 + 4, 4, 0);
      yield* cf8(machine, PLUGGED, 0x04, 2, 0x0002);
      yield* access(machine, { space: 'mem', addr: SMALL + MIB, size: 4, value: 0x1122_3344 });
      yield* access(machine, { space: 'mem', addr: SMALL + MIB, size: 4 });
      // Behind the window: nobody.
      yield* access(machine, { space: 'mem', addr: SMALL + 3 * MIB, size: 4 });

      // The guest rebalances: decoding off, window closed, BAR moved, window opened where there is room.
      yield* cf8(machine, PLUGGED, 0x04, 2, 0);
      yield* cf8(machine, ROOT_PORT, 0x2c, 4, 0);
      yield* cf8(machine, ROOT_PORT, PREFETCHABLE, 4, 0x0000_fff0);
      yield* cf8(machine, ROOT_PORT, 0x28, 4, 0);
      yield* cf8(machine, PLUGGED, BAR2, 4, LARGE);
      yield* cf8(machine, ROOT_PORT, PREFETCHABLE, 4, 0xe0f0_e000);
      yield* cf8(machine, PLUGGED, 0x04, 2, 0x0002);
      yield untilMapped(MEMORY, LARGE);
      yield* access(machine, { space: 'mem', addr: LARGE + MIB, size: 4 });
      yield* access(machine, { space: 'mem', addr: LARGE + 15 * MIB, size: 4, value: 0x5566_7788 });
      yield* access(machine, { space: 'mem', addr: LARGE + 15 * MIB, size: 4 });
    },
  }),
};
