import { type EmulatedFunction, EmulatedFunctions } from '../../emulators/emulated-functions.js';
import type { MachineView } from '../../machine/program.js';
import { bdf } from '../../pci/sbdf.js';
import type { Scenario } from '../scenario.js';
import {
  bareMachine,
  buildGuest,
  cf8,
  guest,
  mapRange,
  type Part,
  PCI,
  PORT,
  startServer,
  untilServers,
} from './parts.js';

const SERVERS = 4;
const FUNCTIONS_PER_SERVER = 250;
const BAR_BYTES = 0x1000;
const WINDOW = 0xc000_0000;

/** Function `nth` of a server: one bus per server, filled slot by slot. */
const nameOf = (server: number, nth: number): number => bdf(server, nth >>> 3, nth & 7);

const functionsOf = (server: number): EmulatedFunction[] =>
  Array.from({ length: FUNCTIONS_PER_SERVER }, (_, nth) => ({
    sbdf: nameOf(server, nth),
    vendor: 0x1af4,
    device: 0x1000 + server,
    classCode: 0x02_0000,
    multifunction: true,
    barSizes: [BAR_BYTES],
  }));

/** A guest's firmware: scans four buses, sizes and places every BAR, switches the functions on. */
function* bootGuest(machine: MachineView): Part {
  let place = WINDOW;
  for (let bus = 0; bus < SERVERS; bus++) {
    for (let slot = 0; slot < 32; slot++) {
      const header = yield* present(machine, bdf(bus, slot, 0));
      if (header === null) continue;
      for (let fn = 0; fn < ((header & 0x80) === 0 ? 1 : 8); fn++) {
        const name = bdf(bus, slot, fn);
        if (fn > 0 && (yield* present(machine, name)) === null) continue;
        yield* cf8(machine, name, 0x10, 4, 0xffff_ffff);
        const size = yield* cf8(machine, name, 0x10, 4);
        yield* cf8(machine, name, 0x10, 4, place);
        place += -((size ?? 0) & ~0xf) >>> 0;
        yield* cf8(machine, name, 0x04, 2, 2);
      }
    }
  }
}

/** Header type of a function that is there. */
function* present(machine: MachineView, name: number): Part<number | null> {
  const id = yield* cf8(machine, name, 0, 4);
  return id === null || id === 0xffff_ffff ? null : yield* cf8(machine, name, 0x0e, 1);
}

/** Size at work: some hundred thousand events. */
export const guestBoot: Scenario = {
  name: 'guest-boot-1000',
  title: 'A guest boots with 1,000 functions over four device models',
  source: 'facts/xen 4.3, 4.5',
  shows:
    'Four servers register 250 functions each, one map call a function; the guest scans, sizes and places all of them through CF8/CFC.',
  expects: [],
  takesPlatform: false,
  platform: bareMachine,
  deviceModels: () =>
    Array.from(
      { length: SERVERS },
      (_, server) => new EmulatedFunctions({ name: `dm${server}`, latencyNs: 3_000 }, functionsOf(server)),
    ),
  programs: () => ({
    toolstack: buildGuest(1),
    ...Object.fromEntries(
      Array.from({ length: SERVERS }, (_, server) => [
        `dm${server}`,
        function* () {
          // The toolstack starts one after the other, so that ids do not depend on the schedule; their ranges do.
          yield untilServers(server);
          const id = yield* startServer(`dm${server}`, server === 0 ? [[PORT, 0xcf8, 0xcff]] : []);
          for (let nth = 0; nth < FUNCTIONS_PER_SERVER; nth++) {
            const name = nameOf(server, nth);
            yield* mapRange(`dm${server}`, id, [PCI, name, name]);
          }
        },
      ]),
    ),
    *guest(machine) {
      yield {
        until: ({ ioreq }) => {
          let mapped = 0;
          for (const server of ioreq[guest]?.servers ?? []) {
            const { starts, ends } = server?.ranges[2] ?? { starts: [], ends: [] };
            for (let i = 0; i < starts.length; i++) mapped += ends[i]! - starts[i]! + 1;
          }
          return mapped === SERVERS * FUNCTIONS_PER_SERVER;
        },
      };
      yield* bootGuest(machine);
    },
  }),
};
