import type { Prng } from '../../../src/base/prng.js';
import type { QemuMachine } from '../../../src/models/qemu/machine.js';
import { get16 } from '../../../src/models/qemu/registers.js';
import type { FunctionState } from '../../../src/models/qemu/state.js';
import { MachineMap } from './machine-map.js';

/**
 * Commands for one machine of what happens to it beside plain accesses: devices added and removed through the
 * monitor, slot and standard hot-plug controllers, injected errors, virtual functions, resets of every kind, messages
 * aimed at RAM, pins rerouted. The next command is chosen by where the model has the functions: a model that is right
 * is always asked about something that is there.
 */
export function* randomEvents(machine: QemuMachine, prng: Prng, count: number): Generator<string> {
  const map = new MachineMap(machine, prng);
  yield 'irq_intercept_in ioapic';
  yield* map.setUp();
  for (let i = 0; i < count; i++) yield* prng.pick(KINDS)(map);
}

type Kind = (map: MachineMap) => Generator<string>;

const qmp = (execute: string, args: object): string => `qmp ${JSON.stringify({ execute, arguments: args })}`;

/** Needs no option and no back end; QEMU and the model know them on any bus. */
const DRIVERS = ['pci-testdev', 'edu', 'e1000', 'e1000e', 'rtl8139', 'usb-ehci'] as const;
const ADDRESSES = [{}, { addr: '0' }, { addr: '0' }, { addr: '1' }, { addr: '0x3.0' }, { addr: '0.1' }];

function* hotAdd(map: MachineMap): Generator<string> {
  const { prng } = map;
  const buses = map.functions().flatMap(({ id, secondary }) => (secondary === null || id === '' ? [] : [id]));
  const bus = prng.pick(['nobus', map.isPc ? 'pci.0' : 'pcie.0', ...buses, ...buses, ...buses]);
  const several = prng.below(4) === 0 ? { multifunction: 'on' } : {};
  const driver = prng.pick(DRIVERS);
  yield qmp('device_add', { driver, id: map.freshId(), bus, ...prng.pick(ADDRESSES), ...several });
  yield* acpi(map);
}

function* hotRemove(map: MachineMap): Generator<string> {
  const ids = map.functions().flatMap(({ id }) => (id === '' ? [] : [id]));
  yield qmp('device_del', { id: map.prng.pick(['nobody', ...ids]) });
}

/** ACPI's registers; ejecting is left to what a device_del asked for. */
function* acpi({ machine, prng, isPc }: MachineMap): Generator<string> {
  const base = isPc ? 0xae00 : 0xcc0;
  const { bsel, acpiHotplug } = machine.state;
  const select = prng.below(Math.max(1, bsel.length));
  yield `outl ${base + 0x10} ${select}`;
  for (const at of [0, 4, 0xc]) yield `inl ${base + at}`;
  const down = acpiHotplug.down[select] ?? 0;
  if (down !== 0) yield `outl ${base + 8} ${(down & -down) >>> 0}`;
}

const SLOT_CONTROL = [0x1c0, 0x1f9, 0x2c0, 0x3c0, 0x5c0, 0x700, 0x7c0, 0x7f9, 0x9c0];
const SLOT_STATUS = [0x01, 0x08, 0x10, 0x19, 0x1f];

function* slot(map: MachineMap): Generator<string> {
  const port = map.some((fn) => map.image(fn).hasSlot);
  if (port === null) return;
  const at = map.image(port).express! + 0x18;
  if (map.prng.below(3) === 0) yield* map.write(port, at + 2, 2, map.prng.pick(SLOT_STATUS));
  yield* map.write(port, at, 2, map.prng.pick(SLOT_CONTROL));
  yield* map.read(port, at, 4);
  yield* map.read(port, at - 8, 4);
  const below = map.some((fn) => fn.bus === port.secondary);
  if (below !== null) yield* map.read(below, 0, 4);
}

const SHPC_COMMANDS = [0x01, 0x02, 0x03, 0x0d, 0x0f, 0x3f, 0x40, 0x48, 0x49];

function* standardController(map: MachineMap): Generator<string> {
  const bridge = map.some((fn) => map.image(fn).shpc !== null && fn.bars[0] !== undefined);
  if (bridge === null) return;
  const { base } = bridge.bars[0]!;
  const target = 1 + map.prng.below(5);
  yield `writel ${base + 0x14} ${map.prng.pick(SHPC_COMMANDS) + 256 * target}`;
  for (const at of [0x14, 0x18, 0x20, 0x24 + 4 * (target - 1)]) yield `readl ${base + at}`;
}

const ERRORS = [
  'DLP',
  'POISON_TLP',
  'COMP_ABORT',
  'UNSUP',
  'MALF_TLP',
  'RCVR',
  'BAD_TLP',
  '0x40',
  '0x3',
  'x',
];

function* injectedError(map: MachineMap): Generator<string> {
  const { prng } = map;
  // Types that hide their capability on a conventional bus are written into their header by QEMU.
  const fn = map.some(({ id, image }) => id !== '' && map.machine.images[image]!.express !== null);
  if (fn === null) return;
  const flags = prng.pick(['', '', '-a ', '-c ']);
  const header = prng.below(2) === 0 ? ` ${prng.u32()} 2 3 4` : '';
  const line = `pcie_aer_inject_error ${flags}${fn.id} ${prng.pick(ERRORS)}${header}`;
  yield qmp('human-monitor-command', { 'command-line': line });
  for (let hop: FunctionState | null = fn; hop !== null; hop = map.above(hop)) {
    const { aer, express } = map.image(hop);
    if (express !== null) yield* map.read(hop, express + 8, 4);
    for (const at of aer === null ? [] : [4, 0x10, 0x18, 0x1c, 0x30, 0x34])
      yield* map.read(hop, aer! + at, 4);
    yield* map.read(hop, 4, 4);
  }
}

function* virtualFunctions(map: MachineMap): Generator<string> {
  const { prng } = map;
  const physical = map.some((fn) => fn.physical === null && map.image(fn).sriov !== null);
  if (physical === null) return;
  const at = map.image(physical).sriov!;
  if (prng.below(2) === 0) yield* map.write(physical, at + 0x10, 2, prng.pick([0, 1, 2, 3, 4]));
  yield* map.write(physical, at + 8, 2, prng.pick([0, 1, 1, 9]));
  const virtual = map.some((fn) => fn.physical !== null);
  if (virtual !== null) yield* map.write(virtual, 4, 2, prng.pick([6, 0]));
  for (let i = 0; i < 4; i++) yield* map.readAt(map.bdf(physical) + i, 8, 4);
}

/** Function level reset, or the bus behind a bridge; what was below is given its place again. */
function* reset(map: MachineMap): Generator<string> {
  const { machine, prng } = map;
  const express = map.some((fn) => map.image(fn).express !== null);
  if (express !== null && prng.below(2) === 0) {
    const at = map.image(express).express! + 8;
    yield* map.write(express, at, 2, prng.pick([0x8000, 0x800f]));
    for (const offset of [at, 4, 0x10, 0x18]) yield* map.read(express, offset, 4);
    if (express.secondary !== null) yield* map.place(express);
    return;
  }
  const bridge = map.some((fn) => map.image(fn).isBridge);
  if (bridge === null) return;
  yield* map.write(bridge, 0x3e, 2, 0x42);
  for (const fn of map.functions().filter(({ bus }) => bus === bridge.secondary)) {
    yield* map.read(fn, 4, 4);
    yield* map.read(fn, 0x10, 4);
  }
  yield* map.write(bridge, 0x3e, 2, prng.pick([0, 2]));
  if (machine.state.functions.includes(bridge)) yield* map.place(bridge);
}

/** The guest asks for a reset of the whole machine; what stays is looked at, then everything gets its place again. */
function* machineReset(map: MachineMap): Generator<string> {
  const { prng, isPc } = map;
  const ask: readonly (readonly string[])[] = [
    ['outb 0xcf9 2', 'outb 0xcf9 6'],
    ['outb 0xcf9 14'],
    ['outb 0x92 1'],
    ['outb 0x64 0xfe'],
    ['outb 0x64 0xf0'],
    ['outb 0x64 0xd1', 'outb 0x60 2'],
    ['outb 0xcf9 1', 'outb 0x64 0xd1', 'outb 0x60 3', 'outb 0x64 0xff'],
  ];
  yield* prng.pick(ask);
  yield 'inb 0xcf9';
  yield 'inl 0xcf8';
  for (const at of isPc ? [0x58, 0x70] : [0x50, 0x60, 0x64, 0x90, 0x9c]) yield* map.readByPorts(0, at);
  const bridge = isPc ? 0x08 : 0xf8;
  for (const at of [0x40, 0x44, 0x60, 0x68, 0x80, 0xa0, 0xf0]) yield* map.readByPorts(bridge, at);
  const fn = map.some(({ bus }) => bus === 0);
  if (fn !== null) for (let at = 0; at < 256; at += 4) yield* map.readByPorts(fn.devfn, at);
  yield* map.setUp();
  const below = map.some(({ bus }) => bus !== 0);
  if (below !== null) for (let at = 0; at < 256; at += 4) yield* map.readByPorts(map.bdf(below), at);
}

/** Power management: its base, its enable bits, a status that raises the interrupt. */
function* powerManagement(map: MachineMap): Generator<string> {
  const { prng, isPc } = map;
  const base = 0x600;
  if (isPc) {
    yield* map.writeAt(0x0b, 0x40, 4, base + 1);
    yield* map.writeAt(0x0b, 0x80, 1, 1);
  } else {
    yield* map.writeAt(0xf8, 0x40, 4, base);
    yield* map.writeAt(0xf8, 0x44, 1, 0x80 + prng.pick([0, 1, 2, 4]));
    yield* map.writeAt(0xf8, 0xf0, 4, 0xfed1_c001);
  }
  yield `outw ${base + 2} ${prng.pick([0, 0x1, 0x120])}`;
  yield `inl ${base}`;
  yield `inw ${base + 4}`;
}

/** A message aimed at RAM, from edu or from a port whose slot completes a command. */
function* message(map: MachineMap): Generator<string> {
  const { machine, prng } = map;
  const fn = map.some((candidate) => map.image(candidate).msi !== null);
  if (fn === null) return;
  const at = map.image(fn).msi!;
  const flags = get16(machine, fn, at + 2);
  const wide = (flags & 0x80) !== 0 ? 4 : 0;
  const ram = RAM + 4 * prng.below(4);
  yield* map.write(fn, at + 4, 4, ram);
  if (wide !== 0) yield* map.write(fn, at + 8, 4, 0);
  yield* map.write(fn, at + 8 + wide, 2, prng.below(0x1_0000));
  if ((flags & 0x100) !== 0) yield* map.write(fn, at + 12 + wide, 4, prng.pick([0, 1, 3]));
  // QEMU aborts on more vectors than ioh3420 has.
  yield* map.write(
    fn,
    at + 2,
    2,
    prng.pick(map.image(fn).type === 'ioh3420' ? [1, 0x11, 0] : [1, 1, 0x21, 0]),
  );
  yield* map.write(fn, 4, 2, prng.pick([7, 7, 3]));
  yield* slot(map);
  yield* pin(map);
  yield `readl ${ram}`;
}

const RAM = 0x20_0000;

/** Vectors of a port's or device's table, pending bits included. */
function* vector(map: MachineMap): Generator<string> {
  const { prng } = map;
  const fn = map.some((candidate) => {
    const { msix } = map.image(candidate);
    return msix !== null && candidate.bars[msix.tableBar] !== undefined;
  });
  if (fn === null) return;
  const msix = map.image(fn).msix!;
  const entry = fn.bars[msix.tableBar]!.base + msix.tableOffset + 16 * prng.below(msix.vectors);
  const ram = RAM + 4 * prng.below(4);
  yield `writeq ${entry} ${ram}`;
  yield `writeq ${entry + 8} ${prng.u32()}`;
  yield* map.write(fn, msix.offsetBytes + 2, 2, prng.pick([0x8000, 0xc000, 0]));
  yield* slot(map);
  yield* map.write(fn, msix.offsetBytes + 2, 2, 0x8000);
  yield `readq ${entry + 8}`;
  yield `readl ${ram}`;
  if (fn.bars[msix.pbaBar] !== undefined) yield `readq ${fn.bars[msix.pbaBar]!.base + msix.pbaOffset}`;
}

/** edu raises and lowers its pin; between, COMMAND holds it down. */
function* pin(map: MachineMap): Generator<string> {
  const { prng } = map;
  const edu = map.some((fn) => map.image(fn).type === 'edu' && fn.bars[0] !== undefined);
  if (edu === null) return;
  yield `writel ${edu.bars[0]!.base + 0x60} 1`;
  yield* map.read(edu, 4, 4);
  if (prng.below(3) === 0) yield* map.write(edu, 4, 2, prng.pick([0x407, 7]));
  if (edu.bars[0] !== undefined) yield `writel ${edu.bars[0].base + 0x64} 1`;
}

/** The routes of the pins, through PIIX3 or ICH9, and a COMMAND bit that makes them be taken over. */
function* route(map: MachineMap): Generator<string> {
  const { prng, isPc } = map;
  const at = isPc ? 0x60 + prng.below(4) : prng.pick([0x60, 0x61, 0x62, 0x63, 0x68, 0x69, 0x6a, 0x6b]);
  yield* map.writeAt(isPc ? 0x08 : 0xf8, at, 1, prng.pick([0x80, 5, 10, 11, 0x8b]));
  yield* map.writeAt(0, 4, 2, prng.pick([0x406, 6]));
}

const KINDS: readonly Kind[] = [
  hotAdd,
  hotAdd,
  hotRemove,
  acpi,
  slot,
  slot,
  standardController,
  injectedError,
  virtualFunctions,
  reset,
  message,
  vector,
  pin,
  route,
  machineReset,
  powerManagement,
];
