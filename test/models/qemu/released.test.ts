import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../../src/models/qemu/create.js';
import { asReleased } from '../../../src/models/qemu/devices/released.js';
import { readMemory, writePorts } from '../../../src/models/qemu/space/access.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import type { Releases } from '../../../src/policy/has.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import { QtestMachine } from '../../conformance/qemu/qtest.js';
import { describeMachine, functionBytes, type RecordedTopology } from '../../conformance/qemu/topology.js';
import { fixtures } from './machine-bench.js';

const topologies = JSON.parse(
  gunzipSync(readFileSync(join(fixtures, 'topologies.json.gz'))).toString(),
) as Record<string, RecordedTopology>;

const releases = (qemu: '7.2' | '8.2' | '9.2' | '10.2', machine: '7.2' | 'newest' = 'newest'): Releases => ({
  switches: { ...defaultSwitches, qemu, 'qemu-machine': machine },
  behaviour: currentBehaviour,
});

const bytesOf = (topology: string, type: string, chosen: Releases) => {
  const device = topologies[topology]!.devices.find(({ qemu_name }) => qemu_name === type)!;
  return asReleased(functionBytes(device), chosen);
};

/** Bytes that differ from 7.2, as `place:byte`. */
function differing(topology: string, type: string, part: 'config' | 'writeMask' | 'clearMask', to: Releases) {
  const [was, is] = [bytesOf(topology, type, releases('7.2'))[part], bytesOf(topology, type, to)[part]];
  return [...is].flatMap((byte, at) =>
    byte === was[at] ? [] : [`${at.toString(16)}:${byte.toString(16).padStart(2, '0')}`],
  );
}

// Power-on bytes of QEMU 10.2.0 (commit 698104725e) against 7.2.22, the same machines.
describe('functions of another release', () => {
  const newest = releases('10.2');
  it.each([
    ['q35-bare', 'mch', 'config', ['50:40']],
    ['q35-2rp', 'pcie-root-port', 'config', ['58:20', '6d:03', '10a:40', '10b:02']],
    ['q35-2rp', 'pcie-root-port', 'writeMask', ['1b:00', '108:30', '109:f0', '10a:ff', '10b:03']],
    ['q35-2rp', 'ioh3420', 'config', ['94:20', 'a9:03', '10a:40', '10b:02']],
    ['q35-2rp', 'e1000e', 'config', ['e4:20', '10a:40', '10b:02']],
    ['q35-2rp', 'e1000e', 'writeMask', ['108:30', '109:f0', '10a:ff', '10b:03']],
    ['q35-pcipci', 'pcie-pci-bridge', 'config', ['4c:20', '10a:40', '10b:02']],
    ['q35-pcipci', 'pcie-pci-bridge', 'writeMask', ['108:30', '109:f0', '10a:ff', '10b:03']],
    ['s709-q35', 'nvme', 'config', ['84:20']],
    ['s709-q35', 'nvme', 'writeMask', ['88:0f']],
    ['s709-q35', 'nvme', 'clearMask', ['8a:0f']],
    ['q35-2rp', 'edu', 'config', []],
  ] as const)('%s %s: %s', (topology, type, part, expected) => {
    expect(differing(topology, type, part, newest)).toEqual(expected);
  });

  it('keep the ways of an older machine type, but for what comes with the program', () => {
    const old = releases('10.2', '7.2');
    expect(differing('q35-2rp', 'pcie-root-port', 'config', old)).toEqual(['6d:03']);
    expect(differing('q35-2rp', 'pcie-root-port', 'writeMask', old)).toEqual([]);
    expect(differing('s709-q35', 'nvme', 'writeMask', old)).toEqual(['88:0f']);
  });

  it('change with the releases between', () => {
    expect(differing('q35-2rp', 'pcie-root-port', 'config', releases('8.2'))).toEqual([
      '6d:03',
      '10a:40',
      '10b:02',
    ]);
    expect(differing('q35-2rp', 'pcie-root-port', 'config', releases('9.2'))).toContain('58:20');
    expect(differing('q35-bare', 'mch', 'config', releases('9.2'))).toEqual([]);
  });
});

describe('a machine of another release', () => {
  const machineOf = (name: string, qemu: string): QtestMachine => {
    const topology = { ...topologies[name]!, qemu };
    return new QtestMachine(createMachine(describeMachine(topology, 128, [])), topology.args);
  };

  it.each([
    ['7.2.22', 0x20],
    ['10.2.0', 0x00],
  ])('%s starts GCS with 0x%s', (qemu, expected) => {
    const { machine } = machineOf('q35-bare', qemu);
    writePorts(machine, 0xcf8, new Uint8Array([0xf0, 0xf8, 0x00, 0x80]));
    writePorts(machine, 0xcfc, new Uint8Array([0x01, 0xc0, 0xd1, 0xfe]));
    const out = new Uint8Array(1);
    readMemory(machine, 0xfed1_f410, out);
    expect(out[0]).toBe(expected);
  });

  it.each([
    ['7.2.22', '01c0'],
    ['10.2.0', '03c0'],
  ])('%s leaves slot control 0x%s behind a reset', (qemu, expected) => {
    const machine = machineOf('q35-2rp', qemu);
    machine.answer('outb 0xcf9 6');
    machine.answer('outl 0xcf8 0x8000106c');
    expect(machine.answer('inw 0xcfc').reply).toBe(`OK 0x${expected}`);
  });

  it.each([
    ['7.2.22', '{"return": {}}'],
    [
      '10.2.0',
      `{"error": {"class": "GenericError", "desc": "Invalid parameter type for 'multifunction', expected: boolean"}}`,
    ],
  ])('%s answers a text where an option is true or false', (qemu, expected) => {
    const topology = { ...topologies['x-bare']!, qemu };
    const machine = new QtestMachine(
      createMachine(describeMachine(topology, 128, topology.devices.map(functionBytes))),
      topology.args,
    );
    const args = { driver: 'edu', id: 'h1', bus: 'b3', addr: '9', multifunction: 'on' };
    expect(machine.answer(`qmp ${JSON.stringify({ execute: 'device_add', arguments: args })}`).reply).toBe(
      expected,
    );
  });
});
