import type { MachineView } from '../../machine/program.js';
import { bdf, busOf } from '../../pci/sbdf.js';
import { access, cf8, ecam, type Part } from '../ioreq/parts.js';

const MIB = 0x10_0000;
export const ECAM_BASE = 0xb000_0000;
/** As firmware picks it. @source facts/q35-qemu 1.4, 7 */
const FIRMWARE_PMBASE = 0x601;
const ACPI_ENABLE = 0x80;

export interface Bar {
  readonly at: number;
  readonly sizeBytes: number;
  readonly isIo: boolean;
  readonly isWide: boolean;
  readonly isPrefetchable: boolean;
  base: number;
}

/** A function as the guest's software found it. */
export interface Found {
  sbdf: number;
  readonly isBridge: boolean;
  readonly isExpress: boolean;
  readonly bars: readonly Bar[];
  readonly children: Found[];
  secondary: number;
  subordinate: number;
}

/** Chipset as SeaBIOS sets it: window, ACPI registers. @source facts/q35-qemu 1.3, 1.4, 7 */
export function* setUpChipset(machine: MachineView, base = ECAM_BASE): Part {
  yield* cf8(machine, 0, 0x00, 4);
  yield* cf8(machine, 0, 0x60, 4, 0);
  yield* cf8(machine, 0, 0x64, 4, 0);
  yield* cf8(machine, 0, 0x60, 4, base + 1);
  yield* cf8(machine, bdf(0, 0x1f, 0), 0x40, 4, FIRMWARE_PMBASE);
  yield* cf8(machine, bdf(0, 0x1f, 0), 0x44, 1, ACPI_ENABLE);
}

/** Depth first, from the first bridge of a bus up or from its last down: a bridge gets the next bus number, and 0xff as the highest below it until what is there is known. */
export function* enumerate(
  machine: MachineView,
  bus = 0,
  next: { bus: number } = { bus: 1 },
  order: 'up' | 'down' = 'up',
): Part<Found[]> {
  const found: Found[] = [];
  for (let device = 0; device < 32; device++) {
    // A link ends at device 0; the conventional bus has its card at 1.
    if (bus !== 0 && device > 1) break;
    const layout = yield* headerAt(machine, bdf(bus, device, 0));
    if (layout === null) continue;
    for (let fn = 0; fn < ((layout & 0x80) === 0 ? 1 : 8); fn++) {
      const sbdf = bdf(bus, device, fn);
      const header = fn === 0 ? layout : yield* headerAt(machine, sbdf);
      if (header !== null) found.push(yield* look(machine, sbdf, (header & 0x7f) === 1));
    }
  }
  for (const bridge of order === 'up' ? found : found.toReversed()) {
    if (!bridge.isBridge) continue;
    bridge.secondary = next.bus++;
    yield* cf8(machine, bridge.sbdf, 0x18, 4, numbers(bus, bridge.secondary, 0xff));
    bridge.children.push(...(yield* enumerate(machine, bridge.secondary, next, order)));
    bridge.subordinate = next.bus - 1;
    yield* cf8(machine, bridge.sbdf, 0x18, 4, numbers(bus, bridge.secondary, bridge.subordinate));
  }
  return found;
}

const numbers = (primary: number, secondary: number, subordinate: number): number =>
  (subordinate << 16) | (secondary << 8) | primary;

/** Header type of a function that is there. */
function* headerAt(machine: MachineView, sbdf: number): Part<number | null> {
  const vendor = yield* cf8(machine, sbdf, 0x00, 2);
  return vendor === null || vendor === 0xffff || vendor === 0 ? null : yield* cf8(machine, sbdf, 0x0e, 1);
}

function* look(machine: MachineView, sbdf: number, isBridge: boolean): Part<Found> {
  yield* cf8(machine, sbdf, 0x00, 4);
  yield* cf8(machine, sbdf, 0x0c, 4);
  const bars = yield* sizeBars(machine, sbdf, isBridge ? 2 : 6);
  const isExpress = yield* hasExpress(machine, sbdf);
  return { sbdf, isBridge, isExpress, bars, children: [], secondary: 0, subordinate: 0 };
}

/** Writes ones to every BAR with decoding off and puts back what was there. @source facts/arm-msi-iommu 8.1 */
function* sizeBars(machine: MachineView, sbdf: number, count: number): Part<Bar[]> {
  const bars: Bar[] = [];
  for (let index = 0; index < count; index++) {
    const at = 0x10 + 4 * index;
    const before = (yield* cf8(machine, sbdf, at, 4)) ?? 0;
    yield* cf8(machine, sbdf, at, 4, 0xffff_ffff);
    const mask = (yield* cf8(machine, sbdf, at, 4)) ?? 0;
    yield* cf8(machine, sbdf, at, 4, before);
    if (mask === 0 || mask === 0xffff_ffff) continue;
    const isIo = (mask & 1) !== 0;
    const isWide = !isIo && (mask & 6) === 4;
    const sizeBytes = isIo ? (~((mask | 0xffff_0000) & ~3) >>> 0) + 1 : (~(mask & ~0xf) >>> 0) + 1;
    bars.push({ at, sizeBytes, isIo, isWide, isPrefetchable: (mask & 8) !== 0 && !isIo, base: 0 });
    if (isWide) index += 1;
  }
  return bars;
}

/** Walks the capability list, 48 entries at most. */
function* hasExpress(machine: MachineView, sbdf: number): Part<boolean> {
  yield* cf8(machine, sbdf, 0x04, 4);
  let at = ((yield* cf8(machine, sbdf, 0x34, 1)) ?? 0) & 0xfc;
  for (let steps = 0; at >= 0x40 && at < 0x100 && steps < 48; steps++) {
    const entry = (yield* cf8(machine, sbdf, at, 4)) ?? 0;
    if ((entry & 0xff) === 0x10) return true;
    at = (entry >>> 8) & 0xfc;
  }
  return false;
}

/** Where addresses are taken from. */
export interface Space {
  memory: number;
  io: number;
}

const alignUp = (value: number, by: number): number => Math.ceil(value / by) * by;

/** Gives every BAR and window its place, writes it and switches decoding on; a slot that may get a card gets 2 MiB. */
export function* assign(machine: MachineView, found: readonly Found[], space: Space): Part {
  const ordered = found.flatMap((fn) => fn.bars.map((bar) => ({ fn, bar })));
  for (const { fn, bar } of ordered.sort((a, b) => b.bar.sizeBytes - a.bar.sizeBytes)) {
    if (bar.isPrefetchable) continue;
    const key = bar.isIo ? 'io' : 'memory';
    bar.base = alignUp(space[key], bar.sizeBytes);
    space[key] = bar.base + bar.sizeBytes;
    yield* writeBar(machine, fn.sbdf, bar);
  }
  for (const bridge of found) if (bridge.isBridge) yield* assignBridge(machine, bridge, space);
  for (const fn of found) if (!fn.isBridge) yield* cf8(machine, fn.sbdf, 0x04, 2, 0x0007);
}

function* assignBridge(machine: MachineView, bridge: Found, space: Space): Part {
  const spare = bridge.children.length === 0 ? 2 * MIB : 0;
  const below = prefetchable(bridge.children);
  const big = Math.max(MIB, ...below.map(({ bar }) => bar.sizeBytes));
  const prefBase = alignUp(space.memory, big);
  let at = prefBase;
  for (const { fn, bar } of below) {
    bar.base = alignUp(at, bar.sizeBytes);
    at = bar.base + bar.sizeBytes;
    yield* writeBar(machine, fn.sbdf, bar);
  }
  const prefEnd = alignUp(at + spare, MIB);
  space.memory = prefEnd;
  const memoryBase = alignUp(space.memory, MIB);
  space.memory = memoryBase;
  const ioBase = alignUp(space.io, 0x1000);
  space.io = ioBase;
  yield* assign(machine, bridge.children, space);
  space.memory = alignUp(space.memory + spare, MIB);
  space.io = alignUp(space.io, 0x1000);
  const { sbdf } = bridge;
  yield* cf8(machine, sbdf, 0x1c, 2, ioWindow(ioBase, space.io));
  yield* cf8(machine, sbdf, 0x20, 4, memoryWindow(memoryBase, space.memory));
  yield* cf8(machine, sbdf, 0x24, 4, memoryWindow(prefBase, prefEnd));
  yield* cf8(machine, sbdf, 0x28, 4, 0);
  yield* cf8(machine, sbdf, 0x2c, 4, 0);
  yield* cf8(machine, sbdf, 0x04, 2, 0x0107);
}

const prefetchable = (functions: readonly Found[]): { fn: Found; bar: Bar }[] =>
  functions
    .flatMap((fn) => [...fn.bars.map((bar) => ({ fn, bar })), ...prefetchable(fn.children)])
    .filter(({ bar }) => bar.isPrefetchable)
    .sort((a, b) => b.bar.sizeBytes - a.bar.sizeBytes);

/** Base above limit closes a window. @source facts/q35-qemu 2.5 */
export const CLOSED_MEMORY = 0x0000_fff0;
export const CLOSED_IO = 0x00f0;

export const memoryWindow = (base: number, end: number): number =>
  end <= base ? CLOSED_MEMORY : ((((end - 1) >>> 16) & 0xfff0) * 0x1_0000 + ((base >>> 16) & 0xfff0)) >>> 0;

const ioWindow = (base: number, end: number): number =>
  end <= base ? CLOSED_IO : ((((end - 1) >>> 8) & 0xf0) << 8) | ((base >>> 8) & 0xf0);

export function* writeBar(machine: MachineView, sbdf: number, { at, base, isWide }: Bar): Part {
  yield* cf8(machine, sbdf, at, 4, base % 2 ** 32);
  if (isWide) yield* cf8(machine, sbdf, at + 4, 4, Math.floor(base / 2 ** 32));
}

/** Every function of a tree, parents first. */
export const all = (found: readonly Found[]): Found[] => found.flatMap((fn) => [fn, ...all(fn.children)]);

/** A register through the window; a write where `value` is given. */
export function* reach(
  machine: MachineView,
  sbdf: number,
  reg: number,
  size: number,
  value?: number,
  base = ECAM_BASE,
): Part<number | null> {
  if (value === undefined) return yield* ecam(machine, base, sbdf, reg, size);
  return yield* access(machine, { space: 'mem', addr: base + sbdf * 4096 + reg, size, value });
}

/** The list above 0x100, as Linux walks it: through the window. @source facts/arm-msi-iommu 8.3; facts/q35-qemu 7 */
export function* walkExtended(machine: MachineView, sbdf: number, base = ECAM_BASE): Part<number[]> {
  const ids: number[] = [];
  for (let at = 0x100; at >= 0x100 && ids.length < 48; ) {
    const header = (yield* reach(machine, sbdf, at, 4, undefined, base)) ?? 0;
    if (header === 0 || header === 0xffff_ffff) break;
    ids.push(header & 0xffff);
    at = (header >>> 20) & 0xffc;
  }
  return ids;
}

/** Firmware from the first instruction to the point where an operating system takes over. */
export function* bootFirmware(machine: MachineView): Part<Found[]> {
  yield* setUpChipset(machine);
  const found = yield* enumerate(machine);
  yield* assign(machine, found, { memory: 0xe000_0000, io: 0x1000 });
  return found;
}

/** Children of a bridge by bus number, in the guest's numbering now. */
export const onBus = (found: readonly Found[], bus: number): Found[] =>
  all(found).filter(({ sbdf }) => busOf(sbdf) === bus);
