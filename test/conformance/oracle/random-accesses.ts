import type { Prng } from '../../../src/base/prng.js';
import { capabilities } from '../../../src/pci/capabilities.js';
import type { RecordedFunction, RecordedTopology } from '../qemu/topology.js';

/** Where the functions of a machine are after bus numbers were given out depth first. */
interface Place {
  readonly device: RecordedFunction;
  readonly bdf: number;
}

const ECAM = 0xb000_0000;
const WIDTHS = [1, 2, 2, 4, 4, 4] as const;
const LETTER: Readonly<Record<number, string>> = { 1: 'b', 2: 'w', 4: 'l', 8: 'q' };
const isBridge = (device: RecordedFunction): boolean => byteOf(device, 0x0e) % 0x80 === 1;
const byteOf = (device: RecordedFunction, at: number): number =>
  Number.parseInt(device.config.slice(2 * at, 2 * at + 2), 16);

/**
 * Commands for one x86 machine: bus numbers, windows and BARs first, then `count` accesses of every kind. Device
 * registers are read but not written, except where the model has them.
 */
export function* randomAccesses(topology: RecordedTopology, prng: Prng, count: number): Generator<string> {
  const places: Place[] = [];
  const isPc = topology.args.includes('pc');
  yield 'irq_intercept_in ioapic';
  if (!isPc) yield* configWrite(0, 0x60, 4, ECAM + 1);
  const cursor = { bus: 0, memory: 0xe000_0000, io: 0x4000 };
  yield* enumerate(topology, '', 0, cursor, places);
  for (let i = 0; i < count; i++) yield* access(places, prng, isPc);
}

function* configWrite(bdf: number, at: number, sizeBytes: number, value: number): Generator<string> {
  yield `outl 0xcf8 ${0x8000_0000 + bdf * 256 + (at & 0xfc)}`;
  yield `out${LETTER[sizeBytes]} ${0xcfc + (at & 3)} ${value}`;
}

function* enumerate(
  topology: RecordedTopology,
  above: string,
  bus: number,
  cursor: { bus: number; memory: number; io: number },
  places: Place[],
): Generator<string> {
  for (const device of topology.devices) {
    const cut = device.path.lastIndexOf('/');
    if ((cut < 0 ? '' : device.path.slice(0, cut)) !== above) continue;
    const bdf = bus * 256 + device.devfn;
    places.push({ device, bdf });
    if (isBridge(device)) {
      const start = cursor.memory;
      const secondary = ++cursor.bus;
      yield* configWrite(bdf, 0x18, 4, bus + secondary * 256 + 0xff_0000);
      yield* enumerate(topology, device.path, secondary, cursor, places);
      yield* configWrite(bdf, 0x1a, 1, cursor.bus);
      cursor.memory = Math.ceil((cursor.memory + 1) / 0x10_0000) * 0x10_0000;
      yield* configWrite(bdf, 0x20, 4, (start >>> 16) + (((cursor.memory - 1) >>> 16) & 0xfff0) * 0x1_0000);
      yield* configWrite(bdf, 0x24, 4, 0xfff0);
    }
    for (const bar of device.bars) {
      if (bar.index === 6) continue;
      const kind = (bar.type & 1) === 1 ? 'io' : 'memory';
      cursor[kind] = Math.ceil(cursor[kind] / bar.size) * bar.size;
      yield* configWrite(bdf, 0x10 + 4 * bar.index, 4, cursor[kind]);
      cursor[kind] += bar.size;
    }
    yield* configWrite(bdf, 4, 2, 7);
  }
}

/** Register offsets worth visiting more often than chance would. */
const HEADER = [
  0x04, 0x04, 0x06, 0x0c, 0x10, 0x14, 0x18, 0x19, 0x1a, 0x1c, 0x20, 0x24, 0x28, 0x30, 0x3c, 0x3e, 0x3e,
];
const VALUES = [0, 0xffff_ffff, 0x07, 0x06, 0x407, 0x7c0, 0x3c0, 0x1f9, 0x5f9, 0x40, 0x10, 1];

function* access(places: readonly Place[], prng: Prng, isPc: boolean): Generator<string> {
  const { device, bdf } = prng.pick(places);
  const size = prng.pick(WIDTHS);
  const list = capabilities(Buffer.from(device.config, 'hex')).entries;
  const near =
    list.length > 0 && prng.below(2) === 0
      ? prng.pick(list).offsetBytes + prng.below(0x20)
      : prng.pick(HEADER);
  const at = (prng.below(4) === 0 ? prng.below(256) : near) & 0xff & ~(size - 1);
  const value = (prng.below(2) === 0 ? prng.pick(VALUES) : prng.below(2 ** 32)) % 2 ** (8 * size);
  switch (prng.below(isPc ? 4 : 6)) {
    case 0:
    case 1:
      if (killsQemu(device, at, size)) return;
      yield* configWrite(bdf, at, size, value);
      yield `in${LETTER[size]} ${0xcfc + (at & 3)}`;
      return;
    case 2:
      yield `outl 0xcf8 ${0x8000_0000 + bdf * 256 + prng.below(256)}`;
      yield `in${LETTER[size]} ${0xcf8 + prng.below(8)}`;
      return;
    case 3:
      yield `read${LETTER[prng.pick([1, 2, 4, 8])]} ${0xe000_0000 + prng.below(0x80) * 0x8000 + prng.below(64)}`;
      return;
    default:
      yield `read${LETTER[prng.pick([1, 2, 4, 8])]} ${ECAM + bdf * 4096 + prng.below(0x180)}`;
  }
}

/** ioh3420 aborts on more MSI vectors than it has; a reset request would restart the machine. */
const killsQemu = (device: RecordedFunction, at: number, size: number): boolean =>
  device.qemu_name === 'ioh3420' && at < 0x64 && at + size > 0x62;
