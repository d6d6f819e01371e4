import {
  busNumber,
  imageOf,
  type MachineObserver,
  type QemuMachine,
} from '../../../src/models/qemu/machine.js';
import type { FunctionState } from '../../../src/models/qemu/state.js';
import { undecidedBits } from './undecided.js';

/** A trace line as the model expects it; the fields its kind does not have are 0. */
export interface Line {
  readonly kind: 'config-read' | 'config-write' | 'mapping-add' | 'mapping-del' | 'msix-control';
  readonly name: string;
  readonly bus: number;
  readonly devfn: number;
  /** Register offset, or address of the BAR. */
  readonly address: number;
  /** Data of an access, size of a BAR, enable and mask bits. */
  readonly value: number;
  readonly bar: number;
  /** Bits of `value` that are not predicted. */
  readonly undecided?: number;
}

/** Collects what QEMU would print for the accesses made on a machine. */
export class Predictions implements MachineObserver {
  readonly lines: Line[] = [];
  readonly #machine: QemuMachine;

  constructor(machine: QemuMachine) {
    this.#machine = machine;
  }

  configRead(fn: FunctionState, at: number, value: number): void {
    const machine = this.#machine;
    const bits = undecidedBits(machine, fn, at & ~3) >>> (8 * (at & 3));
    // A read that begins in the dword below reaches it too.
    const next = (at & 3) === 0 ? 0 : undecidedBits(machine, fn, (at & ~3) + 4) << (32 - 8 * (at & 3));
    this.#add('config-read', fn, at, value, 0, (bits | next) >>> 0);
  }

  configWrite(fn: FunctionState, at: number, value: number): void {
    this.#add('config-write', fn, at, value, 0);
  }

  mapped(fn: FunctionState, bar: number, base: number): void {
    this.#add('mapping-add', fn, base, this.#sizeOf(fn, bar), bar);
  }

  unmapped(fn: FunctionState, bar: number, base: number): void {
    this.#add('mapping-del', fn, base, this.#sizeOf(fn, bar), bar);
  }

  msixControl(fn: FunctionState, enabled: boolean, masked: boolean): void {
    const line = { bus: 0, devfn: 0, address: 0, bar: 0, value: (enabled ? 1 : 0) + (masked ? 2 : 0) };
    this.lines.push({ kind: 'msix-control', name: imageOf(this.#machine, fn).type, ...line });
  }

  #sizeOf(fn: FunctionState, bar: number): number {
    return imageOf(this.#machine, fn).bars.find(({ index }) => index === bar)?.sizeBytes ?? 0;
  }

  #add(
    kind: Line['kind'],
    fn: FunctionState,
    address: number,
    value: number,
    bar: number,
    undecided = 0,
  ): void {
    const machine = this.#machine;
    const place = { name: imageOf(machine, fn).type, bus: busNumber(machine, fn.bus), devfn: fn.devfn };
    this.lines.push({ kind, ...place, address, value, bar, undecided });
  }
}

/** As the trace prints it, for reports. */
export function lineText(line: Line): string {
  const hex = (value: number): string => `0x${value.toString(16)}`;
  const two = (value: number): string => value.toString(16).padStart(2, '0');
  const place = `${line.name} ${two(line.bus)}:${two(line.devfn >>> 3)}.${line.devfn & 7}`;
  switch (line.kind) {
    case 'config-read':
      return `${place} @${hex(line.address)} -> ${hex(line.value)}`;
    case 'config-write':
      return `${place} @${hex(line.address)} <- ${hex(line.value)}`;
    case 'mapping-add':
    case 'mapping-del':
      return `${line.kind} ${place} ${line.bar},${hex(line.address)}+${hex(line.value)}`;
    case 'msix-control':
      return `${line.name} enabled ${line.value & 1} masked ${line.value >>> 1}`;
  }
}

export const sameLine = (said: Line, predicted: Line): boolean =>
  said.kind === predicted.kind &&
  said.name === predicted.name &&
  said.bus === predicted.bus &&
  said.devfn === predicted.devfn &&
  said.address === predicted.address &&
  (said.kind.startsWith('config')
    ? ((said.value ^ predicted.value) & ~(predicted.undecided ?? 0)) === 0
    : said.value === predicted.value) &&
  said.bar === predicted.bar;
