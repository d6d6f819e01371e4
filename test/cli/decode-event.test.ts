import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { emptyPlatform, type MsiController, type Platform } from '../../src/platform/platform.js';
import { decodeEvent } from '../../src/tell/decode-event.js';

const controller = (model: MsiController['model'], base: number, doorbell: number): MsiController => ({
  node: `/${model}`,
  model,
  base,
  doorbell,
  deviceIdBits: 32,
  eventIdBits: 16,
  spiBase: 224,
  spiCount: 32,
});
const platform: Platform = {
  ...emptyPlatform,
  msiControllers: [
    controller('its', 0x2f02_0000, 0x2f03_0040),
    controller('gicv2m', 0x2c1c_0000, 0x2c1c_0040),
    controller('nwl', 0xfd0e_0000, 0xfd0e_0000),
    controller('xgene', 0x7900_0000, 0x7900_0000),
  ],
};

/** What is read off an event, by name. */
function read(kind: string, data: object): Record<string, unknown> {
  const event = { seq: 0, atNs: 0, kind, origin: 'simulated', by: 'hw', cause: null, data };
  const decoded = decodeEvent(event as unknown as TraceEvent, platform);
  return Object.fromEntries(
    decoded.flatMap(({ what, parts }) => [
      ['what', what],
      ...parts.map(({ name, value }) => [name, value] as const),
    ]),
  );
}

describe('a message', () => {
  it.each([
    [0x2f03_0040, 3, { what: 'write of GITS_TRANSLATER at /its', eventId: '0x3' }],
    [0x2c1c_0040, 225, { what: 'write of MSI_SETSPI_NS at /gicv2m', spi: '0xe1' }],
    [0x2c1c_0040, 4, { spi: null }],
    [0xfd0e_0000, 40, { what: 'write of the MSI window at /nwl', event: '0x28' }],
    [0x7909_0000, 2, { group: '0x1', register: '0x1', bit: '0x2', vector: '0x121' }],
    [0xfee0_5000, 0x4041, { what: 'interrupt message of x86', destination: '0x5', vector: '0x41' }],
  ])('to 0x%x with data 0x%x is read as its controller reads it', (address, data, expected) => {
    expect(read('msi.sent', { address, data })).toMatchObject(expected);
    expect(read('dma.attempted', { function: 0, address, data, dir: 'write' })).toMatchObject(expected);
  });

  it('to no doorbell is a write to memory', () => {
    expect(read('msi.sent', { address: 0x4000_0000, data: 3 })).toEqual({});
  });
});

describe('a register', () => {
  it('COMMAND and STATUS name the bits that are set', () => {
    const access = { sbdf: 0, function: 0, dir: 'read', reg: 4, size: 4, value: 0x0010_0406 };
    expect(read('config.performed', access)).toMatchObject({
      command: '0x406 (memory, busMaster, intxDisable)',
      status: '0x10 (capabilityList)',
    });
  });

  it('CONFIG_ADDRESS is a bus, a device and a register', () => {
    expect(read('cf8.latched', { domid: 1, vcpu: 0, value: 0x8001_1844 })).toMatchObject({
      enabled: true,
      bus: '0x1',
      devfn: '0x18',
      register: '0x44',
    });
  });

  it('gflags of a binding are destination and mode', () => {
    expect(read('pirq.bound', { gflags: 0x1_8203 })).toMatchObject({
      destination: '0x3',
      logical: true,
      level: true,
      unmasked: true,
      delivery: '0x0',
    });
  });
});
