import { Trouble } from '../../../src/base/errors.js';
import type { MachineDescription, PlacedFunction } from '../../../src/models/qemu/create.js';
import { asReleased } from '../../../src/models/qemu/devices/released.js';
import type { FunctionBytes } from '../../../src/models/qemu/image.js';
import type { Board } from '../../../src/models/qemu/machine.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { type QemuRelease, qemuReleases } from '../../../src/policy/releases.js';
import { defaultSwitches } from '../../../src/policy/switches.js';

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
  /** Version of the QEMU that was recorded; 7.2 where a recording does not say it. */
  readonly qemu?: string;
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
  const indexOf = new Map(order.map(({ device }, index) => [device, index]));
  const functions = order.map(({ device, id, rootBus, parent: above }): PlacedFunction => {
    const parent = above === null ? null : (indexOf.get(above) ?? null);
    const placed = { ...functionBytes(device), id, parent, devfn: device.devfn };
    return rootBus === null ? placed : { ...placed, rootBus };
  });
  const board = boardOf(topology, ramMib);
  return { board, functions, pluggable: pluggable.map((one) => asReleased(one, board.releases)) };
}

/** @throws {Trouble} CNF-010 the function has no bytes */
export function functionBytes(device: RecordedFunction): FunctionBytes {
  const { path, config, wmask, w1cmask, bars } = device;
  if (![config, wmask, w1cmask].every((hex) => typeof hex === 'string') || !Array.isArray(bars)) {
    throw new Trouble('CNF-010', `function ${path} has no config, wmask, w1cmask or bars`, {});
  }
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

function boardOf({ args, qemu = '7.2' }: RecordedTopology, ramMib: number): Board {
  const at = args.findIndex((arg) => arg === '-M' || arg === '-machine');
  const machine = args[at + 1] ?? 'q35';
  const kind = machine.startsWith('virt') ? 'virt' : /^pc(,|$|-i440fx)/.test(machine) ? 'pc' : 'q35';
  // Machine types of QEMU before 6.1 left hot-plug to the slots.
  const type = /^(?:pc-q35|pc-i440fx|virt)-(\d+\.\d+)/.exec(machine)?.[1] ?? null;
  const beforeAcpi = kind === 'q35' && type !== null && version(type) < 601;
  return {
    kind,
    ramBytes: ramMib * MIB,
    nativeHotplug: beforeAcpi || args.some((arg) => arg.includes('acpi-pci-hotplug-with-bridge-support=off')),
    pciexbarMasks: 'qemu',
    lowMemoryOnly: machine.includes('highmem=off'),
    smbaseSmram: !args.includes('mch.smbase-smram=off') && (type === null || version(type) > 402),
    releases: {
      switches: {
        ...defaultSwitches,
        qemu: nearest(qemu),
        'qemu-machine': type === null ? 'newest' : nearest(type),
      },
      behaviour: currentBehaviour,
    },
  };
}

/** `7.2.22 (Debian …)` as 702. */
function version(text: string): number {
  const [major = 0, minor = 0] = text.split('.').map((part) => Number.parseInt(part, 10));
  return major * 100 + minor;
}

/** The newest release the models know that is not newer; the oldest one for what is older. */
const nearest = (text: string): QemuRelease =>
  qemuReleases.findLast((known) => version(known) <= version(text)) ?? qemuReleases[0];

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
  /** The bridge or expander it is behind; null on the root bus. */
  readonly parent: RecordedFunction | null;
}

/**
 * Built-in functions first, then `-device` after `-device`: the order decides which of two equal bridges answers.
 * Functions are told apart as objects: behind an expander a path may begin anew and repeat one of the root bus.
 */
function creationOrder(topology: RecordedTopology): Created[] {
  const left = new Set(topology.devices);
  const byId = new Map<string, RecordedFunction>();
  const expanders = new Set<RecordedFunction>();
  const added: Created[] = [];
  for (const { type, options } of deviceOptions(topology.args)) {
    const parent = byId.get(options['bus'] ?? '') ?? null;
    const own = options['addr'] === undefined ? null : normalise(options['addr']);
    const find = (above: string): RecordedFunction | undefined =>
      [...left].find(
        (device) => matches(device, type, above) && (own === null || device.path === join(above, own)),
      );
    const above = parent?.path ?? '';
    const found =
      find(above) ??
      (parent !== null && expanders.has(parent) ? find('') : undefined) ??
      // A type asked for by another name: its place tells.
      (own === null ? undefined : [...left].find((device) => device.path === join(above, own)));
    if (found === undefined) continue;
    left.delete(found);
    if (options['id'] !== undefined) byId.set(options['id'], found);
    const number = options['bus_nr'];
    if (number !== undefined) expanders.add(found);
    const rootBus = number === undefined ? null : Number(number);
    added.push({ device: found, id: options['id'] ?? '', rootBus, parent });
    // Behind a conventional expander stands a bridge of its own, which has its name and takes its devices.
    const bridge = type === 'pxb' ? (internalBridge(left, found) ?? null) : null;
    if (bridge === null) continue;
    left.delete(bridge);
    if (options['id'] !== undefined) byId.set(options['id'], bridge);
    added.push({ device: bridge, id: options['id'] ?? '', rootBus: null, parent: found });
  }
  const onRoot = new Map(
    [...added, ...[...left].map((device) => ({ device }))].map(({ device }) => [device.path, device]),
  );
  const builtIn = [...left].map((device): Created => {
    return { device, id: '', rootBus: null, parent: onRoot.get(parentOf(device.path)) ?? null };
  });
  return [...builtIn, ...added];
}

/** The bridge QEMU puts on the bus of a `pxb`: the one below the expander's path, or a path that begins anew. */
const internalBridge = (
  left: ReadonlySet<RecordedFunction>,
  expander: RecordedFunction,
): RecordedFunction | undefined =>
  [join(expander.path, '00.0'), '00.0']
    .map((path) => [...left].find((device) => device.qemu_name === 'pci-bridge' && device.path === path))
    .find((device) => device !== undefined);

const join = (parent: string, own: string): string => (parent === '' ? own : `${parent}/${own}`);

/** `3`, `03.0` and `0x3.0` name one place. */
function normalise(address: string): string {
  const [device = '0', fn = '0'] = address.replace(/^0x/, '').split('.');
  return `${Number.parseInt(device, 16).toString(16).padStart(2, '0')}.${Number.parseInt(fn, 16)}`;
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
const matches = (device: RecordedFunction, type: string, parent: string): boolean =>
  parentOf(device.path) === parent && (device.qemu_name === type || device.qemu_name === `${type}-pci`);
