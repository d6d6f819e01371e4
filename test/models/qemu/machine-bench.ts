import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createMachine, type PlacedFunction } from '../../../src/models/qemu/create.js';
import type { FunctionBytes } from '../../../src/models/qemu/image.js';
import type { Board, QemuMachine } from '../../../src/models/qemu/machine.js';
import { findFunction } from '../../../src/models/qemu/routing.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import { QtestMachine } from '../../conformance/qemu/qtest.js';
import {
  functionBytes,
  type RecordedFunction,
  type RecordedTopology,
} from '../../conformance/qemu/topology.js';

export const fixtures = join(import.meta.dirname, '../../fixtures/qtest');

export const topologies = JSON.parse(
  gunzipSync(readFileSync(join(fixtures, 'topologies.json.gz'))).toString('utf8'),
) as Record<string, RecordedTopology>;

/** Recorded power-on bytes of a device type. */
export const recorded = (type: string): FunctionBytes => recordedBy((device) => device.qemu_name === type);

/** Recorded power-on bytes of the first function that fits. */
export function recordedBy(fits: (device: RecordedFunction) => boolean): FunctionBytes {
  const device = Object.values(topologies)
    .flatMap((topology) => topology.devices)
    .find(fits);
  if (device === undefined) throw new Error('no such function recorded');
  return functionBytes(device);
}

export const q35: Board = {
  kind: 'q35',
  ramBytes: 128 << 20,
  nativeHotplug: true,
  pciexbarMasks: 'qemu',
  lowMemoryOnly: false,
  smbaseSmram: true,
  releases: { switches: defaultSwitches, behaviour: currentBehaviour },
};

/** `[type, parent index or null, devfn, id]`, in creation order. */
export type Placing = readonly [type: string, parent: number | null, devfn: number, id?: string];

/** A machine of recorded functions, with an MCH in front on q35. */
export function machineOf(placings: readonly Placing[], board: Board = q35): QemuMachine {
  const functions = placings.map(
    ([type, parent, devfn, id = '']): PlacedFunction => ({ ...recorded(type), id, parent, devfn }),
  );
  return createMachine({ board, functions, pluggable: [recorded('edu'), recorded('pci-testdev')] });
}

/** The line protocol over a machine: short to write in tests. */
export class Bench {
  readonly qtest: QtestMachine;

  constructor(placings: readonly Placing[], board: Board = q35) {
    this.qtest = new QtestMachine(machineOf(placings, board));
  }

  get machine(): QemuMachine {
    return this.qtest.machine;
  }

  /** Sends a line; the number of a read reply, 0 of an OK. */
  send(line: string): number {
    const { reply } = this.qtest.answer(line);
    return Number(/0x[0-9a-f]+/.exec(reply ?? '')?.[0] ?? 0);
  }

  /** Configuration read through CF8/CFC. */
  read(bdf: number, at: number, sizeBytes: 1 | 2 | 4): number {
    this.send(`outl 0xcf8 0x${(0x8000_0000 + bdf * 256 + (at & 0xfc)).toString(16)}`);
    return this.send(`in${WIDTH[sizeBytes]} ${0xcfc + (at & 3)}`);
  }

  write(bdf: number, at: number, sizeBytes: 1 | 2 | 4, value: number): void {
    this.send(`outl 0xcf8 0x${(0x8000_0000 + bdf * 256 + (at & 0xfc)).toString(16)}`);
    this.send(`out${WIDTH[sizeBytes]} ${0xcfc + (at & 3)} ${value}`);
  }

  /** Who answers at a bus number and devfn: index of the function, null for nobody. */
  whoAnswers(bus: number, devfn: number): number | null {
    const fn = findFunction(this.machine, bus, devfn);
    return fn === null ? null : this.machine.state.functions.indexOf(fn);
  }
}

const WIDTH = { 1: 'b', 2: 'w', 4: 'l' } as const;
