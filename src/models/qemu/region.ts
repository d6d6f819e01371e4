import type { QemuMachine } from './machine.js';
import type { FunctionState } from './state.js';

/** Where an access goes: a region, the place inside it, and the function it belongs to. */
export interface Target {
  readonly region: Region;
  readonly offset: number;
  readonly fn: FunctionState | null;
}

/**
 * A piece of address space with one behaviour. An access is cut to pieces of at most `maxAccess` bytes, aligned
 * relative to the region; a piece outside [minAccess, maxAccess] reads 0 and stores nothing; the rest is done in
 * steps of [minStep, maxStep] bytes. A step longer than the piece keeps its low bytes.
 * @source facts/q35-qemu 1.5
 */
export interface Region {
  readonly name: string;
  readonly minAccess: number;
  readonly maxAccess: number;
  readonly minStep: number;
  readonly maxStep: number;
  /** Set when loads return a device's own registers, which this model does not have: why. */
  readonly unmodelled: string | null;
  /** Low 32 bits at `offset`, `sizeBytes` of them meaningful. */
  read(machine: QemuMachine, target: Target, offset: number, sizeBytes: number): number;
  write(machine: QemuMachine, target: Target, offset: number, sizeBytes: number, value: number): void;
  /** High 32 bits of an 8-byte step; only regions with `maxStep` 8 have them. */
  readHigh?(machine: QemuMachine, target: Target, offset: number): number;
  writeHigh?(machine: QemuMachine, target: Target, offset: number, value: number): void;
}

/** A region with the common defaults: any access of 1 to 4 bytes, nothing stored, all ones. */
export function region(name: string, parts: Partial<Omit<Region, 'name'>>): Region {
  return {
    name,
    minAccess: 1,
    maxAccess: 4,
    minStep: 1,
    maxStep: 4,
    unmodelled: null,
    read: () => 0xffff_ffff,
    write: () => {},
    ...parts,
  };
}

/** A device's own registers: answers unknown, stores have effects the model does not have. */
export const ownRegisters = (name: string, why: string): Region => region(name, { unmodelled: why });
