import type { Prng } from '../../../src/base/prng.js';
import type { FunctionImage } from '../../../src/models/qemu/image.js';
import { bridgeAbove, busNumber, imageOf, type QemuMachine } from '../../../src/models/qemu/machine.js';
import { get8 } from '../../../src/models/qemu/registers.js';
import type { FunctionState } from '../../../src/models/qemu/state.js';

const LETTER = { 1: 'b', 2: 'w', 4: 'l' } as const;
type Width = keyof typeof LETTER;

const ECAM = 0xb000_0000;
const MEMORY = 0xe000_0000;
const MEMORY_END = 0xfd00_0000;
const PORTS = 0x5000;
const PORTS_END = 0xa000;
const MIB = 0x10_0000;

/** Where the functions of a machine are, as the model has it, and the commands that reach and place them. */
export class MachineMap {
  readonly machine: QemuMachine;
  readonly prng: Prng;
  #memory = MEMORY;
  #ports = PORTS;
  #lastBus = 0;
  #added = 0;

  constructor(machine: QemuMachine, prng: Prng) {
    this.machine = machine;
    this.prng = prng;
  }

  get isPc(): boolean {
    return this.machine.board.kind === 'pc';
  }

  functions(): FunctionState[] {
    return this.machine.state.functions.filter((fn) => fn !== null);
  }

  /** One function that fits; null when none does. */
  some(fits: (fn: FunctionState) => boolean): FunctionState | null {
    const fitting = this.functions().filter(fits);
    return fitting.length === 0 ? null : this.prng.pick(fitting);
  }

  image(fn: FunctionState): FunctionImage {
    return imageOf(this.machine, fn);
  }

  above(fn: FunctionState): FunctionState | null {
    return bridgeAbove(this.machine, fn);
  }

  bdf(fn: FunctionState): number {
    return busNumber(this.machine, fn.bus) * 256 + fn.devfn;
  }

  /** A name no device had before. */
  freshId(): string {
    this.#added += 1;
    return `h${this.#added}`;
  }

  /** Registers from 256 on have no way to them on i440FX: nothing is sent. */
  *writeAt(bdf: number, at: number, size: Width, value: number): Generator<string> {
    if (this.#byPorts(at)) {
      yield `outl 0xcf8 ${0x8000_0000 + bdf * 256 + (at & 0xfc)}`;
      yield `out${LETTER[size]} ${0xcfc + (at & 3)} ${value}`;
    } else if (!this.isPc) {
      yield `write${LETTER[size]} ${ECAM + bdf * 4096 + at} ${value}`;
    }
  }

  *readAt(bdf: number, at: number, size: Width): Generator<string> {
    if (this.#byPorts(at)) {
      yield `outl 0xcf8 ${0x8000_0000 + bdf * 256 + (at & 0xfc)}`;
      yield `in${LETTER[size]} ${0xcfc + (at & 3)}`;
    } else if (!this.isPc) {
      yield `read${LETTER[size]} ${ECAM + bdf * 4096 + at}`;
    }
  }

  write(fn: FunctionState, at: number, size: Width, value: number): Generator<string> {
    return this.writeAt(this.bdf(fn), at, size, value);
  }

  read(fn: FunctionState, at: number, size: Width): Generator<string> {
    return this.readAt(this.bdf(fn), at, size);
  }

  /** Whether or not ECAM is on. */
  *readByPorts(bdf: number, at: number): Generator<string> {
    yield `outl 0xcf8 ${0x8000_0000 + bdf * 256 + (at & 0xfc)}`;
    yield 'inl 0xcfc';
  }

  /** ECAM on, bus numbers, windows and BARs for everything. */
  *setUp(): Generator<string> {
    if (!this.isPc) {
      yield 'outl 0xcf8 0x80000060';
      yield `outl 0xcfc ${ECAM + 1}`;
    }
    yield* this.#placeBus(0);
  }

  /** A bus number, windows and BARs for a bridge and what is below it. */
  *place(bridge: FunctionState): Generator<string> {
    const bdf = this.bdf(bridge);
    const kept = get8(this.machine, bridge, 0x19);
    if (kept === 0) this.#lastBus = (this.#lastBus % 0x3e) + 1;
    const secondary = kept === 0 ? this.#lastBus : kept;
    yield* this.writeAt(bdf, 0x18, 4, (bdf >>> 8) + secondary * 256 + 0xff_0000);
    if (this.#memory > MEMORY_END) this.#memory = MEMORY;
    this.#memory = Math.ceil(this.#memory / MIB) * MIB;
    const start = this.#memory;
    yield* this.#placeBus(bridge.secondary!);
    this.#memory = Math.ceil((this.#memory + 1) / MIB) * MIB;
    yield* this.writeAt(bdf, 0x20, 4, (start >>> 16) + (((this.#memory - 1) >>> 16) & 0xfff0) * 0x1_0000);
    yield* this.writeAt(bdf, 0x24, 4, 0xfff0);
    yield* this.#placeBars(bridge);
  }

  *#placeBus(bus: number): Generator<string> {
    for (const index of Object.values(this.machine.state.buses[bus]?.devices ?? {})) {
      const fn = this.machine.state.functions[index]!;
      const isExpander = fn.secondary !== null && !this.image(fn).isBridge;
      if (isExpander) yield* this.#placeBus(fn.secondary!);
      if (this.image(fn).isBridge) yield* this.place(fn);
      else yield* this.#placeBars(fn);
    }
  }

  *#placeBars(fn: FunctionState): Generator<string> {
    for (const { index, sizeBytes, type } of fn.physical === null ? this.image(fn).bars : []) {
      if (index === 6 || sizeBytes > 64 * MIB) continue;
      const isIo = (type & 1) !== 0;
      if (isIo) {
        if (this.#ports > PORTS_END) this.#ports = PORTS;
        this.#ports = Math.ceil(this.#ports / sizeBytes) * sizeBytes;
        yield* this.write(fn, 0x10 + 4 * index, 4, this.#ports);
        this.#ports += sizeBytes;
        continue;
      }
      this.#memory = Math.ceil(this.#memory / sizeBytes) * sizeBytes;
      yield* this.write(fn, 0x10 + 4 * index, 4, this.#memory);
      this.#memory += sizeBytes;
    }
    yield* this.write(fn, 4, 2, 7);
  }

  #byPorts(at: number): boolean {
    return at < 256 && (this.isPc || this.prng.below(2) === 0);
  }
}
