import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { createMachine } from '../../../src/models/qemu/create.js';
import { writeConfig } from '../../../src/models/qemu/function/config-space.js';
import type { QemuMachine } from '../../../src/models/qemu/machine.js';
import {
  describeMachine,
  type RecordedFunction,
  type RecordedTopology,
} from '../../conformance/qemu/topology.js';

const path = fileURLToPath(new URL('../../fixtures/qemu-log/q35-boot/devices.json.gz', import.meta.url));
const { cold } = JSON.parse(gunzipSync(readFileSync(path)).toString()) as { cold: RecordedTopology };
const port = cold.devices.find((device) => device.qemu_name === 'pcie-root-port')!;
const card = cold.devices.find((device) => device.qemu_name === 'virtio-rng-pci')!;
const at = (device: RecordedFunction, where: string, devfn: number): RecordedFunction => ({
  ...device,
  path: where,
  devfn,
});

/** A port with two ports below it, a card behind each; every card has its BAR 1 mapped. */
function tree(): QemuMachine {
  const devices = [
    at(port, '02.0', 0x10),
    at(port, '02.0/00.0', 0),
    at(port, '02.0/01.0', 8),
    at(card, '02.0/00.0/00.0', 0),
    at(card, '02.0/01.0/00.0', 0),
  ];
  const machine = createMachine(describeMachine({ args: ['-M', 'q35'], devices }, 512, []));
  for (const index of [3, 4]) {
    const fn = machine.state.functions[index]!;
    writeConfig(machine, fn, 0x14, 4, 4096, 0xfe00_0000 + 0x1_0000 * index);
    writeConfig(machine, fn, 0x04, 2, 4096, 2);
  }
  return machine;
}

it('resets what is behind the bridge made last before what is behind the one made first', () => {
  const machine = tree();
  const unmapped: number[] = [];
  machine.observer = {
    configRead: () => {},
    configWrite: () => {},
    mapped: () => {},
    unmapped: (_fn, _bar, base) => unmapped.push(base),
    msixControl: () => {},
  };
  writeConfig(machine, machine.state.functions[0]!, 0x3e, 2, 4096, 0x40);
  expect(unmapped).toEqual([0xfe04_0000, 0xfe03_0000]);
});
