import { assertNever } from '../base/assert.js';
import type {
  DeviceAnswer,
  DeviceCall,
  DeviceModel,
  DeviceNews,
  DeviceRequest,
  ForwardedMessage,
} from '../machine/device-model.js';
import { argNumber } from '../models/hypercall.js';
import { createMachine, type MachineDescription } from '../models/qemu/create.js';
import { asReleased } from '../models/qemu/devices/released.js';
import { errorMessage, forwardError } from '../models/qemu/function/aer.js';
import { readConfig, writeConfig } from '../models/qemu/function/config-space.js';
import { bridgeAbove, busNumber, type QemuMachine } from '../models/qemu/machine.js';
import { functionById, plug, unplug } from '../models/qemu/plugging/hotplug.js';
import { findFunction } from '../models/qemu/routing.js';
import { readMemory, readPorts, writeMemory, writePorts } from '../models/qemu/space/access.js';
import type { FunctionState } from '../models/qemu/state.js';
import { type AnsweredRange, answeredRanges } from './qemu-ranges.js';

export interface QemuModelOptions extends Pick<DeviceModel, 'name' | 'latencyNs' | 'failure'> {
  /**
   * How a name in a request finds its function. `realised`: by the name it had when it was made, as QEMU does under
   * Xen; bridges that the guest numbers later are not followed. `live`: by the bridges' registers, which takes code QEMU
   * does not have. `announced`: as `live`, and it registers every function anew under the number its bus has now.
   * @source facts/q35-qemu 3.3
   */
  readonly names: 'realised' | 'live' | 'announced';
  /** 256 as in QEMU; 4096 with the change proposed in 2026. @source facts/q35-qemu 3.2, 3.6 */
  readonly configBytes: 256 | 4096;
  /**
   * Number of the bus its root bus stands for, 0 unless given. An emulator of single devices has no bridges: the machine
   * holds its functions on the root bus, and they are registered behind somebody else's port.
   */
  readonly rootBus?: number;
}

/**
 * QEMU as a device model: a whole machine of `models/qemu` behind an IOREQ server. It answers configuration, port and
 * memory requests, registers what it answers as its memory map changes, and sends its functions' messages with
 * `inject_msi`. INTx levels stay inside. @source facts/q35-qemu 3.1, 3.2
 */
export class QemuModel implements DeviceModel {
  readonly name: string;
  readonly latencyNs: number;
  readonly failure?: NonNullable<DeviceModel['failure']>;
  readonly machine: QemuMachine;
  readonly #options: QemuModelOptions;
  /** Functions in creation order with the name they were given. */
  readonly #realised: { readonly sbdf: number; readonly fn: FunctionState }[] = [];
  #ranges: readonly AnsweredRange[];
  /** Names registered, ascending; kept by `announced` only. */
  #announced: readonly number[] = [];

  constructor(options: QemuModelOptions, description: MachineDescription) {
    this.name = options.name;
    this.latencyNs = options.latencyNs;
    if (options.failure !== undefined) this.failure = options.failure;
    this.#options = options;
    const { board, functions, pluggable } = description;
    this.machine = createMachine({
      board,
      functions: functions.map((one) => asReleased(one, board.releases)),
      pluggable: pluggable.map((one) => asReleased(one, board.releases)),
    });
    for (const fn of this.machine.state.functions) if (fn !== null) this.#realise(fn);
    this.#ranges = answeredRanges(this.machine);
    this.#announced = this.names();
  }

  /** Names the functions have now, ascending; what is behind a bridge without a bus number has none. */
  names(): number[] {
    const { functions } = this.machine.state;
    const found = functions.flatMap((fn) =>
      fn === null || (fn.bus !== 0 && busNumber(this.machine, fn.bus) === 0) ? [] : [this.#nameOf(fn)],
    );
    return [...new Set(found)].sort((a, b) => a - b);
  }

  serve(request: DeviceRequest): DeviceAnswer {
    const answer = this.#answer(request);
    const calls = this.#calls();
    return calls.length === 0 ? answer : { ...answer, calls };
  }

  hear({ what, args }: DeviceNews): readonly DeviceCall[] {
    const text = (name: string): string => (typeof args[name] === 'string' ? args[name] : '');
    switch (what) {
      case 'device_add': {
        const before = this.machine.state.functions.length;
        const devfn = argNumber(args, 'devfn');
        plug(this.machine, { driver: text('driver'), id: text('id'), bus: text('bus'), devfn });
        const added = this.machine.state.functions.slice(before).filter((fn) => fn !== null);
        const names = added.map((fn) => this.#realise(fn));
        return [...(this.#options.names === 'announced' ? [] : names.map(mapFunction)), ...this.#calls()];
      }
      case 'device_del':
        unplug(this.machine, text('id'));
        return this.#calls();
      case 'error': {
        const port = functionById(this.machine, text('port'));
        const message = text('message');
        if (port !== null && isErrorMessage(message)) {
          forwardError(this.machine, port, message, argNumber(args, 'source'));
        }
        return this.#calls();
      }
      default:
        return assertNever(what);
    }
  }

  /** QEMU has no power-management events to forward: those are dropped. @source facts/q35-qemu 2.7, 2.9 */
  forward({ message, source, port }: ForwardedMessage): readonly DeviceCall[] {
    if (!isErrorMessage(message)) return [];
    const fn = this.#functionsAt(port ?? source)[0];
    const hop = fn === undefined || port !== null ? fn : bridgeAbove(this.machine, fn);
    if (hop) forwardError(this.machine, hop, message, source);
    return this.#calls();
  }

  #nameOf(fn: FunctionState): number {
    const bus = fn.bus === 0 ? (this.#options.rootBus ?? 0) : busNumber(this.machine, fn.bus);
    return bus * 256 + fn.devfn;
  }

  #realise(fn: FunctionState): number {
    const sbdf = this.#nameOf(fn);
    this.#realised.push({ sbdf, fn });
    return sbdf;
  }

  #answer(request: DeviceRequest): DeviceAnswer {
    const { type, dataIsPtr, data, dataHigh } = request;
    // Repeated accesses with guest memory at the other end are not modelled: the guest finds what it had.
    if (dataIsPtr) return { data, dataHigh };
    switch (type) {
      case 'pci_config':
        return this.#config(request);
      case 'pio':
      case 'copy':
        return this.#plain(request);
      case 'timeoffset':
      case 'invalidate':
        return { data: 0 };
    }
  }

  /** All functions of a name are served, newest first; without one the data stays. @source facts/q35-qemu 3.2 */
  #config({ sbdf, reg, size, dir, data }: DeviceRequest): DeviceAnswer {
    let value = data;
    for (const fn of this.#functionsAt(sbdf ?? 0)) {
      const limit = this.#options.configBytes;
      if (dir === 'write') writeConfig(this.machine, fn, reg ?? 0, size, limit, data);
      else value = readConfig(this.machine, fn, reg ?? 0, size, limit);
    }
    return { data: cut(value, size) };
  }

  #functionsAt(sbdf: number): FunctionState[] {
    if (this.#options.names !== 'realised') {
      const { rootBus = 0 } = this.#options;
      const bus = sbdf >>> 8;
      const fn = findFunction(this.machine, bus === rootBus ? 0 : bus, sbdf & 0xff);
      return fn === null ? [] : [fn];
    }
    const { functions } = this.machine.state;
    return this.#realised
      .filter((entry) => entry.sbdf === sbdf && functions.includes(entry.fn))
      .map(({ fn }) => fn)
      .reverse();
  }

  #plain({ type, addr, size, dir, data, dataHigh }: DeviceRequest): DeviceAnswer {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    const part = bytes.subarray(0, Math.min(8, size));
    if (dir === 'write') {
      view.setUint32(0, data, true);
      view.setUint32(4, dataHigh, true);
      if (type === 'pio') writePorts(this.machine, addr, part);
      else writeMemory(this.machine, addr, part);
      return { data: 0 };
    }
    const unmodelled =
      type === 'pio' ? readPorts(this.machine, addr, part) : readMemory(this.machine, addr, part);
    // A device's own registers are not modelled: zeros stand for them.
    if (unmodelled !== null) bytes.fill(0);
    return { data: view.getUint32(0, true), dataHigh: view.getUint32(4, true) };
  }

  /** What the last access made it call: ranges that came and went, then messages, in order. */
  #calls(): DeviceCall[] {
    const ranges = answeredRanges(this.machine);
    const names = this.#options.names === 'announced' ? this.names() : this.#announced;
    const calls = [
      ...this.#announced.filter((name) => !names.includes(name)).map(unmapFunction),
      ...names.filter((name) => !this.#announced.includes(name)).map(mapFunction),
      ...missing(this.#ranges, ranges).map((range) => rangeCall('unmap_io_range_from_ioreq_server', range)),
      ...missing(ranges, this.#ranges).map((range) => rangeCall('map_io_range_to_ioreq_server', range)),
    ];
    this.#ranges = ranges;
    this.#announced = names;
    for (const effect of this.machine.effects.splice(0)) {
      if (effect.kind !== 'msi') continue;
      calls.push({
        op: 'inject_msi',
        args: { data: effect.data, pad: 0, addr: effect.address },
        server: false,
      });
    }
    return calls;
  }
}

const isErrorMessage = (text: string): text is keyof typeof errorMessage => Object.hasOwn(errorMessage, text);

const sameRange = (a: AnsweredRange, b: AnsweredRange): boolean =>
  a.type === b.type && a.start === b.start && a.end === b.end;

const missing = (from: readonly AnsweredRange[], other: readonly AnsweredRange[]): AnsweredRange[] =>
  from.filter((range) => !other.some((one) => sameRange(one, range)));

const rangeCall = (op: string, { type, start, end }: AnsweredRange): DeviceCall => ({
  op,
  args: { type, start, end },
  server: true,
});

const PCI_RANGE = 2;

const functionCall =
  (op: string) =>
  (sbdf: number): DeviceCall => ({ op, args: { type: PCI_RANGE, start: sbdf, end: sbdf }, server: true });

const mapFunction = functionCall('map_io_range_to_ioreq_server');
const unmapFunction = functionCall('unmap_io_range_from_ioreq_server');

const cut = (value: number, size: number): number =>
  size >= 4 ? value : (value & (2 ** (8 * size) - 1)) >>> 0;
