import { placed, q35Function } from '../../emulators/q35-functions.js';
import type { MachineView } from '../../machine/program.js';
import type { FunctionBytes } from '../../models/qemu/image.js';
import { bdf } from '../../pci/sbdf.js';
import { bareMachine, buildGuest, cf8, ecam, type Part, PCI, PORT, startServer } from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { ECAM_BASE, FIRST, identify, openEcam, q35Qemu } from './q35.js';

const HOST_BRIDGE = bdf(0, 0, 0);
const PORT_A = bdf(0, 0x1c, 0);
const PORT_B = bdf(0, 0x1c, 1);
const CARD = bdf(0, 3, 0);
const SWITCH = bdf(1, 0, 0);
const BEHIND_SWITCH = bdf(2, 0, 0);

const CLOSED = 0x0000_fff0;
const BAR0 = 0x10;
const BAR2 = 0x18;

/** A network card whose error reporting capability says the next one is at 0x80. */
function strayList(): FunctionBytes {
  const card = q35Function('e1000e');
  card.config[0x102] = 0x01;
  card.config[0x103] = 0x08;
  return card;
}

/** Ports and memory of a bridge: I/O base and limit, memory, nothing prefetchable; decoding on. */
function* windows(machine: MachineView, port: number, io: number, memory: number): Part {
  yield* cf8(machine, port, 0x1c, 2, io);
  yield* cf8(machine, port, 0x20, 4, memory);
  yield* cf8(machine, port, 0x24, 4, CLOSED);
  yield* cf8(machine, port, 0x04, 2, 0x0007);
}

/** Sizes a base register, puts an address into it. */
function* place(machine: MachineView, sbdf: number, at: number, address: number): Part {
  yield* cf8(machine, sbdf, at, 4, 0xffff_ffff);
  yield* cf8(machine, sbdf, at, 4);
  yield* cf8(machine, sbdf, at, 4, address);
}

/** @source facts/q35-qemu 2.3, 2.5, 2.6; facts/arm-msi-iommu 8.2, 8.3 */
export const overlappingAddresses: Scenario = {
  name: 'overlapping-addresses',
  title: 'Ports and memory that two functions claim',
  source: 'facts/q35-qemu 2.3, 2.5, 2.6; facts/arm-msi-iommu 8.2, 8.3',
  shows:
    'A switch port that forwards more than the port above it, ports behind a bridge that does not forward them, the I/O windows of two bridges left open at 0, a BAR put where a bridge beside it forwards, an extended capability that points below 0x100.',
  expects: ['BRG-009', 'BRG-002', 'BRG-007', 'BRG-008', 'BRG-001'],
  takesPlatform: false,
  platform: bareMachine,
  deviceModels: (env) => [
    q35Qemu(env, { names: 'live', configBytes: 4096 }, [
      placed(q35Function('ioh3420'), PORT_A, null, 'a'),
      placed(q35Function('ioh3420'), PORT_B, null, 'b'),
      placed(q35Function('x3130-upstream'), 0, FIRST, 'switch'),
      placed(q35Function('e1000e'), 0, FIRST + 2, 'far'),
      placed(strayList(), CARD, null, 'card'),
    ]),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      yield* startServer('qemu', [
        [PORT, 0xcf8, 0xcff],
        [PCI, HOST_BRIDGE, bdf(0, 31, 7)],
        [PCI, SWITCH, bdf(9, 31, 7)],
      ]);
      yield* identify(machine, HOST_BRIDGE);
      yield* openEcam(machine);
      for (const port of [PORT_A, PORT_B]) yield* identify(machine, port);
      yield* cf8(machine, PORT_A, 0x18, 4, 0x0002_0100);
      yield* identify(machine, SWITCH);
      yield* cf8(machine, SWITCH, 0x18, 4, 0x0002_0201);
      for (const card of [BEHIND_SWITCH, CARD]) yield* identify(machine, card);

      // Extended capabilities exist in the window only.
      for (const [card, at] of [
        [BEHIND_SWITCH, 0x100],
        [BEHIND_SWITCH, 0x140],
        [CARD, 0x100],
      ] as const) {
        yield* ecam(machine, ECAM_BASE, card, at, 4);
      }

      // 0/0 is an open window of 4 KiB at port 0: only base above limit closes it.
      yield* windows(machine, PORT_A, 0x0000, 0xf010_f000);
      yield* windows(machine, PORT_B, 0x0000, 0xf030_f020);
      yield* cf8(machine, PORT_A, 0x1c, 2, 0x1010);
      yield* cf8(machine, PORT_B, 0x1c, 2, 0x2020);
      // The switch forwards 1 MiB more than the port above it.
      yield* windows(machine, SWITCH, 0x1010, 0xf020_f000);
      yield* cf8(machine, SWITCH, 0x20, 4, 0xf010_f000);
      // A card on the root bus, put where port B forwards; then beside it.
      yield* place(machine, CARD, BAR0, 0xf020_0000);
      yield* cf8(machine, CARD, 0x04, 2, 0x0002);
      yield* cf8(machine, CARD, BAR0, 4, 0xf040_0000);
      // Ports behind the switch: outside its window, then inside.
      yield* place(machine, BEHIND_SWITCH, BAR2, 0x2000);
      yield* cf8(machine, BEHIND_SWITCH, 0x04, 2, 0x0001);
      yield* cf8(machine, BEHIND_SWITCH, BAR2, 4, 0x1000);
    },
  }),
};
