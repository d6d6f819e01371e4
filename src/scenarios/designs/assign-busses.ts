import { EmulatedFunctions } from '../../emulators/emulated-functions.js';
import { bdf } from '../../pci/sbdf.js';
import {
  bareMachine,
  buildGuest,
  cf8,
  mapRange,
  PCI,
  PORT,
  startServer,
  unmapRange,
} from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { identify } from './q35.js';

const HOST_BRIDGE = bdf(0, 0, 0);
const PORT_A = bdf(0, 0x1c, 0);
const PORT_B = bdf(0, 0x1c, 1);
const CARD_A = bdf(1, 0, 0);
const CARD_B = bdf(2, 0, 0);
const CARD_A_NOW = bdf(5, 0, 0);

const port = (sbdf: number) => ({ sbdf, vendor: 0x8086, device: 0x3420, classCode: 0x06_0400, bridge: true });
const card = (sbdf: number) => ({ sbdf, vendor: 0x8086, device: 0x10d3, classCode: 0x02_0000 });

/** @source facts/q35-qemu 3.3; facts/xen 13.3 */
export const assignBusses: Scenario = {
  name: 'assign-busses-loses-a-card',
  title: 'pci=assign-busses: a card is gone under its new bus number',
  source: 'xen-devel 2018, PCI emulation with several device models; facts/q35-qemu 3.3',
  shows:
    'Firmware numbers the buses behind two ports, the device model registers its cards once. The guest numbers one bus anew: its card still answers under the old name and is gone under the new one, until the device model maps it again. The other port gets the number it had, and nothing changes.',
  expects: ['BRG-003', 'IOR-013'],
  takesPlatform: false,
  platform: bareMachine,
  deviceModels: () => [
    new EmulatedFunctions({ name: 'qemu', latencyNs: 20_000 }, [
      { sbdf: HOST_BRIDGE, vendor: 0x8086, device: 0x29c0, classCode: 0x06_0000 },
      port(PORT_A),
      port(PORT_B),
    ]),
    new EmulatedFunctions({ name: 'cards', latencyNs: 5_000 }, [
      card(CARD_A),
      card(CARD_B),
      card(CARD_A_NOW),
    ]),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      yield* startServer('qemu', [
        [PORT, 0xcf8, 0xcff],
        [PCI, HOST_BRIDGE, HOST_BRIDGE],
        [PCI, PORT_A, PORT_B],
      ]);
      const cards = yield* startServer('cards', [
        [PCI, CARD_A, CARD_A],
        [PCI, CARD_B, CARD_B],
      ]);
      for (const sbdf of [HOST_BRIDGE, PORT_A, PORT_B]) yield* identify(machine, sbdf);
      yield* cf8(machine, PORT_A, 0x18, 4, 0x0001_0100);
      yield* cf8(machine, PORT_B, 0x18, 4, 0x0002_0200);
      yield* cf8(machine, CARD_A, 0x00, 4);
      yield* cf8(machine, CARD_B, 0x00, 4);
      // The kernel numbers anew.
      yield* cf8(machine, PORT_A, 0x18, 4, 0x0005_0500);
      yield* cf8(machine, PORT_B, 0x18, 4, 0x0002_0200);
      yield* cf8(machine, CARD_A_NOW, 0x00, 4);
      yield* cf8(machine, CARD_B, 0x00, 4);
      yield* cf8(machine, CARD_A, 0x00, 4);
      // What a device model would have to do.
      yield* unmapRange('cards', cards, [PCI, CARD_A, CARD_A]);
      yield* mapRange('cards', cards, [PCI, CARD_A_NOW, CARD_A_NOW]);
      yield* cf8(machine, CARD_A_NOW, 0x00, 4);
    },
  }),
};
