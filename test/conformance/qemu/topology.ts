import type { MachineDescription, PlacedFunction } from '../../../src/models/qemu/create.js';
import type { FunctionBytes } from '../../../src/models/qemu/image.js';
import type { Board } from '../../../src/models/qemu/machine.js';

/** One device of `topologies.json` / `devices.json`: power-on bytes and masks of a function. */
export interface RecordedFunction {
  readonly path: string;
  readonly devfn: number;
  readonly qemu_name: string;
  readonly bars: readonly { readonly index: number; readonly size: number; readonly type: number }[];
  readonly config: string;
  readonly wmask: string;
  readonly w1cmask: string;
}

export interface RecordedTopology {
  readonly args: readonly string[];
  readonly devices: readonly RecordedFunction[];
}

/** A machine from its command line and the documented bytes of its functions. */
export function describeMachine(
  topology: RecordedTopology,
  ramMib: number,
  pluggable: readonly FunctionBytes[],
): MachineDescription {
  const order = creationOrder(topology);
  const indexByPath = new Map(order.map(({ device }, index) => [device.path, index]));
  const functions = order.map(({ device, id, rootBus, parentPath }): PlacedFunction => {
    const parent = indexByPath.get(parentPath) ?? null;
    const placed = { ...functionBytes(device), id, parent, devfn: device.devfn };
    return rootBus === null ? placed : { ...placed, rootBus };
  });
  return { board: boardOf(topology.args, ramMib), functions, pluggable };
}

export function functionBytes(device: RecordedFunction): FunctionBytes {
  return {
    type: device.qemu_name,
    config: fromHex(device.config),
    writeMask: fromHex(device.wmask),
    clearMask: fromHex(device.w1cmask),
    bars: device.bars.map(({ index, size, type }) => ({ index, sizeBytes: size, type })),
  };
}

const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

const MIB = 0x10_0000;

function boardOf(args: readonly string[], ramMib: number): Board {
  const at = args.findIndex((arg) => arg === '-M' || arg === '-machine');
  const machine = args[at + 1] ?? 'q35';
  const kind = machine.startsWith('virt') ? 'virt' : /^pc(,|$|-i440fx)/.test(machine) ? 'pc' : 'q35';
  // Machine types of QEMU before 6.1 left hot-plug to the slots.
  const old = /^pc-q35-(\d+)\.(\d+)/.exec(machine);
  const beforeAcpi = old !== null && Number(old[1]) * 100 + Number(old[2]) < 601;
  return {
    kind,
    ramBytes: ramMib * MIB,
    nativeHotplug: beforeAcpi || args.some((arg) => arg.includes('acpi-pci-hotplug-with-bridge-support=off')),
    pciexbarMasks: 'qemu',
    lowMemoryOnly: machine.includes('highmem=off'),
  };
}

/** Every `-device` of a command line, in order, with its options. */
export function* deviceOptions(
  args: readonly string[],
): Generator<{ readonly type: string; readonly options: Readonly<Record<string, string>> }> {
  for (const [index, arg] of args.entries()) {
    if (args[index - 1] !== '-device') continue;
    const [type = '', ...words] = arg.split(',');
    const options = words.map((word): [string, string] => {
      const cut = word.indexOf('=');
      return cut < 0 ? [word, 'on'] : [word.slice(0, cut), word.slice(cut + 1)];
    });
    yield { type, options: Object.fromEntries(options) };
  }
}

interface Created {
  readonly device: RecordedFunction;
  readonly id: string;
  /** Bus number behind an expander. */
  readonly rootBus: number | null;
  /** Path of the bridge or expander it is behind; empty on the root bus. */
  readonly parentPath: string;
}

/** Built-in functions first, then `-device` after `-device`: the order decides which of two equal bridges answers. */
function creationOrder(topology: RecordedTopology): Created[] {
  const left = new Map(topology.devices.map((device) => [device.path, device]));
  const pathById = new Map<string, string>();
  const expanders = new Set<string>();
  const added: Created[] = [];
  const later: { readonly type: string; readonly id: string; readonly parent: string }[] = [];
  for (const { type, options } of deviceOptions(topology.args)) {
    const id = options['id'] ?? '';
    const parent = pathById.get(options['bus'] ?? '') ?? '';
    const address = options['addr'];
    const path = join(parent, address === undefined ? null : normalise(address));
    const device = path === null ? undefined : left.get(path);
    const found =
      device ??
      [...left.values()].find((d) => matches(d, type, parent)) ??
      // Behind an expander a path may begin anew.
      (expanders.has(parent) ? [...left.values()].find((d) => matches(d, type, '')) : undefined);
    if (found === undefined) {
      later.push({ type, id, parent });
      continue;
    }
    left.delete(found.path);
    if (id !== '') pathById.set(id, found.path);
    const number = options['bus_nr'];
    if (number !== undefined) expanders.add(found.path);
    const rootBus = number === undefined ? null : Number(number);
    added.push({ device: found, id, rootBus, parentPath: parent === '' ? parentOf(found.path) : parent });
  }
  const builtIn = [...left.values()].map((device) => {
    return { device, id: '', rootBus: null, parentPath: parentOf(device.path) };
  });
  return [...builtIn, ...added];
}

const join = (parent: string, own: string | null): string | null =>
  own === null ? null : parent === '' ? own : `${parent}/${own}`;

/** `3`, `03.0` and `0x3.0` name one place. */
function normalise(address: string): string {
  const [device = '0', fn = '0'] = address.replace(/^0x/, '').split('.');
  return `${Number.parseInt(device, 16).toString(16).padStart(2, '0')}.${Number.parseInt(fn, 16)}`;
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
const matches = (device: RecordedFunction, type: string, parent: string): boolean =>
  parentOf(device.path) === parent && (device.qemu_name === type || device.qemu_name === `${type}-pci`);
