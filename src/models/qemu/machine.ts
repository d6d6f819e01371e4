import type { Releases } from '../../policy/has.js';
import type { FunctionImage } from './image.js';
import type { FunctionState, MachineState } from './state.js';

export type BoardKind = 'q35' | 'pc' | 'virt';

/** What does not change about a machine besides its functions. */
export interface Board {
  readonly kind: BoardKind;
  readonly ramBytes: number;
  /** Slots are driven by their own registers; otherwise by ACPI. @source facts/q35-qemu 2.8 */
  readonly nativeHotplug: boolean;
  /** PCIEXBAR base bits: QEMU's own up to 2026, or the datasheet's. @source facts/q35-qemu 1.3 */
  readonly pciexbarMasks: 'qemu' | 'datasheet';
  /** ARM virt with `highmem=off`: small ECAM window below 4 GiB. */
  readonly lowMemoryOnly: boolean;
  /** The MCH hides RAM below SMBASE at register 0x9c; off up to pc-q35-4.2, where the register is plain storage. */
  readonly smbaseSmram: boolean;
  /** Release of QEMU and of the machine type. */
  readonly releases: Releases;
}

/** Something the outside sees happen during an access. */
export type Effect =
  | { readonly kind: 'irq'; readonly pin: number; readonly level: boolean }
  | { readonly kind: 'msi'; readonly requester: number; readonly address: number; readonly data: number }
  | { readonly kind: 'unplugged'; readonly id: string }
  /** What follows happens in a reset of the machine, which QEMU carries out once the access has been answered. */
  | { readonly kind: 'reset' };

/**
 * Hears what QEMU itself would trace, at the moment QEMU would: accesses that reached a function (a read after its
 * value is known, a write before it acts), BARs as they are mapped and unmapped, MSI-X control after a write.
 * @source facts/q35-qemu 2.1, 2.6, 2.10
 */
export interface MachineObserver {
  configRead(fn: FunctionState, at: number, value: number): void;
  configWrite(fn: FunctionState, at: number, value: number): void;
  mapped(fn: FunctionState, bar: number, base: number): void;
  unmapped(fn: FunctionState, bar: number, base: number): void;
  msixControl(fn: FunctionState, enabled: boolean, masked: boolean): void;
}

/**
 * What parts of a machine do to parts that themselves rest on them, tied together where a machine is made: a message
 * is a store to memory, a slot without power resets what is in it, a virtual function is announced like a plugged one.
 */
export interface Wiring {
  readonly store: (machine: QemuMachine, address: number, bytes: Uint8Array) => void;
  readonly powerLost: (machine: QemuMachine, fn: FunctionState) => void;
  readonly announceVirtual: (machine: QemuMachine, vf: FunctionState) => void;
}

/** A machine as its guest sees PCI: immutable description, plain state, and what the last accesses caused. */
export interface QemuMachine {
  readonly board: Board;
  readonly images: readonly FunctionImage[];
  readonly state: MachineState;
  readonly wiring: Wiring;
  /** Appended to by accesses, in order; whoever drives the machine drains it. */
  readonly effects: Effect[];
  /** Null: nobody listens. */
  observer: MachineObserver | null;
}

export const imageOf = (machine: QemuMachine, fn: FunctionState): FunctionImage => machine.images[fn.image]!;

/** The bus number a bus answers to: the bridge's SECONDARY register, read at every use. @source facts/q35-qemu 2.4 */
export function busNumber(machine: QemuMachine, bus: number): number {
  const { bridge = null, number = 0 } = machine.state.buses[bus] ?? {};
  if (number !== null || bridge === null) return number ?? 0;
  const fn = machine.state.functions[bridge]!;
  return ((fn.config[0x18] ?? imageOf(machine, fn).dwords[6]!) >>> 8) & 0xff;
}

/** The functions directly on a bus, by ascending devfn. */
export function functionsOn(machine: QemuMachine, bus: number): FunctionState[] {
  const devices = machine.state.buses[bus]?.devices ?? {};
  // Integer keys iterate in ascending order.
  return Object.values(devices).map((index) => machine.state.functions[index]!);
}

/** Visits the functions of a bus by ascending devfn; one that an earlier visit took away is passed over. */
export function forEachFunctionOn(
  machine: QemuMachine,
  bus: number,
  visit: (fn: FunctionState) => void,
): void {
  for (const fn of functionsOn(machine, bus)) {
    const index = machine.state.buses[bus]?.devices[fn.devfn];
    if (index !== undefined && machine.state.functions[index] === fn) visit(fn);
  }
}

/** The root bus a bus hangs below: 0, or an expander's. */
export function rootBusOf(machine: QemuMachine, from: number): number {
  let bus = from;
  for (;;) {
    const { bridge, number } = machine.state.buses[bus]!;
    if (number !== null || bridge === null) return bus;
    bus = machine.state.functions[bridge]!.bus;
  }
}

/** The bridge above a function; null on a root bus, the board's or an expander's. */
export function bridgeAbove(machine: QemuMachine, fn: FunctionState): FunctionState | null {
  const { bridge, number } = machine.state.buses[fn.bus]!;
  return bridge === null || number !== null ? null : machine.state.functions[bridge]!;
}
