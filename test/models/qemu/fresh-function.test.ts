import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../../src/models/qemu/create.js';
import { imageOf, type QemuMachine } from '../../../src/models/qemu/machine.js';
import { functionById, plug } from '../../../src/models/qemu/plugging/hotplug.js';
import { get8, set16 } from '../../../src/models/qemu/registers.js';
import { describeMachine, functionBytes, type RecordedTopology } from '../../conformance/qemu/topology.js';

const path = fileURLToPath(new URL('../../fixtures/qemu-log/q35-boot/devices.json.gz', import.meta.url));
const { cold } = JSON.parse(gunzipSync(readFileSync(path)).toString()) as { cold: RecordedTopology };

/** The recorded machine with an empty slot, and a network card to put into it. */
function emptySlot(args: readonly string[]): QemuMachine {
  const devices = cold.devices.filter((device) => device.qemu_name !== 'virtio-rng-pci');
  const card = {
    ...functionBytes(cold.devices.find((d) => d.qemu_name === 'virtio-rng-pci')!),
    type: 'e1000e',
  };
  return createMachine(describeMachine({ args: [...cold.args, ...args], devices }, 512, [card]));
}

const ACPI: readonly string[] = [];
const NATIVE = ['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'];

describe('a function added to a running machine', () => {
  it.each([
    ['ACPI', ACPI, 0x01c0, 0x10],
    ['a slot with power', NATIVE, 0x01c0, 0x10],
    ['a slot without power, which resets it', NATIVE, 0x07c0, 0],
  ])('by %s shows the cache line it was made with or 0', (_by, args, slotControl, expected) => {
    const machine = emptySlot(args);
    const port = functionById(machine, 'rp1')!;
    set16(machine, port, imageOf(machine, port).express! + 0x18, slotControl);
    expect(plug(machine, { driver: 'e1000e', id: 'n1', bus: 'rp1', devfn: 0 })).toBeNull();
    expect(get8(machine, functionById(machine, 'n1')!, 0x0c)).toBe(expected);
  });
});
