import { describe, expect, it } from 'vitest';
import { deviceType, deviceTypes, slotPort } from '../../../src/models/qemu/devices/device-types.js';
import { functionImage } from '../../../src/models/qemu/image.js';
import { functionBytes } from '../../conformance/qemu/topology.js';
import { topologies } from './machine-bench.js';

describe('power-on bytes of device types', () => {
  const bare = topologies['q35-bare']!.devices;
  const pair = topologies['q35-2rp']!.devices.filter((device) => !/port|ioh/.test(device.qemu_name));
  it.each([...bare, ...pair].map((device) => [device.qemu_name, device] as const))(
    '%s are the recorded ones',
    (type, device) => {
      expect(deviceType(type)).toEqual(functionBytes(device));
    },
  );

  it.each([
    ['q35-2rp', false],
    ['q35-2rp-native', true],
  ] as const)('of the ports of %s are those of slots 1 and 2, populated', (name, native) => {
    const ports = topologies[name]!.devices.filter((device) => /port|ioh/.test(device.qemu_name));
    expect(ports).toHaveLength(2);
    for (const [index, device] of ports.entries()) {
      const setup = { slot: index + 1, populated: true, native };
      expect(slotPort(device.qemu_name, setup)).toEqual(functionBytes(device));
    }
  });

  it('decode into capabilities, pins and regions', () => {
    const image = functionImage(deviceType('pcie-root-port')!);
    expect([image.express, image.aer, image.acs, image.hasSlot, image.pin]).toEqual([
      0x54,
      0x100,
      0x148,
      true,
      0,
    ]);
    for (const type of deviceTypes()) {
      const { bars } = functionImage(deviceType(type)!);
      expect(bars.every(({ sizeBytes }) => Number.isInteger(Math.log2(sizeBytes)))).toBe(true);
    }
  });

  it('of an unknown type do not exist', () => {
    expect(deviceType('toString')).toBeNull();
    expect(slotPort('edu', { slot: 1, populated: false, native: true })).toBeNull();
  });
});
