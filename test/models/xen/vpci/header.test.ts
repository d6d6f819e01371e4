import { describe, expect, it } from 'vitest';
import { Engine } from '../../../../src/models/engine.js';
import { functionId } from '../../../../src/pci/function-id.js';
import { bdf } from '../../../../src/pci/sbdf.js';
import { pvhPc } from '../../../../src/platform/built-in/pvh-pc.js';
import { ConfigImage } from '../../../../src/platform/config-image.js';
import { all, BenchPvh, GPU, HWDOM, hardwareWrites, mappings, NIC, only, warnings } from './bench-pvh.js';

describe('setting a function up for the hardware domain', () => {
  it('sizes its BARs with decoding off and maps what decodes, without the MSI-X pages', () => {
    const bench = new BenchPvh();
    bench.physdev('pci_device_remove', { seg: 0, bus: 0, devfn: NIC });
    const events = bench.add(NIC);
    expect(hardwareWrites(events)[0]).toBe('4/2=101');
    expect(hardwareWrites(events).at(-1)).toBe('4/2=103');
    expect(mappings(events)).toEqual([
      '+0:fe140-fe15f',
      '+3:fe180-fe183',
      '-3:fe180-fe180',
      '-3:fe182-fe182',
    ]);
    expect(bench.device(NIC).bars.map(({ type, enabled }) => `${type}${enabled ? '+' : ''}`)).toEqual([
      'mem32+',
      'empty',
      'io',
      'mem32+',
      'empty',
      'empty',
      'rom',
    ]);
    expect(only(events, 'vpci.attached').data).toMatchObject({ sbdf: NIC, domid: 0, guestSbdf: null });
  });

  it('up to 4.18 looks at MSI-X first, so its pages are never mapped', () => {
    const bench = new BenchPvh({ xen: '4.17' });
    bench.physdev('pci_device_remove', { seg: 0, bus: 0, devfn: NIC });
    expect(mappings(bench.add(NIC))).toEqual(['+0:fe140-fe15f', '+3:fe181-fe181', '+3:fe183-fe183']);
  });

  it('is done for every function of the machine when Dom0 is built, with mappings made at once', () => {
    const engine = new Engine({ ...new BenchPvh().engine.env });
    const data = {
      domid: HWDOM,
      type: 'pvh',
      privileged: true,
      hardware: true,
      target: null,
      name: 'd0',
    } as const;
    engine.step({ kind: 'domain.created', by: 'xen', data });
    const events = engine.step({ kind: 'xen.booted', by: 'xen', data: { domid: HWDOM } });
    expect(all(events, 'vpci.attached').map(({ data: { sbdf } }) => sbdf)).toEqual([0, NIC, GPU]);
    const ofNic = events.filter((event) => 'sbdf' in event.data && event.data.sbdf === NIC);
    expect(mappings(ofNic)).toEqual(['+0:fe140-fe15f', '+3:fe180-fe183', '-3:fe180-fe180', '-3:fe182-fe182']);
    expect(hardwareWrites(ofNic).at(-1)).toBe('4/2=103');
  });

  it('refuses a header it does not know and leaves the device without an owner', () => {
    const cardBus = new ConfigImage(256).identity(0x104c, 0xac56, 0x060700).byte(0x0e, 2);
    const bench = new BenchPvh({}, pvhPc([cardBus.build(functionId(0, bdf(0, 6, 0)), 'CardBus')]));
    expect(bench.engine.state.vpci.devices[0x30]).toBeUndefined();
    expect(bench.engine.state.xen.devices[0x30]?.owner).toBeNull();
    const again = bench.add(0x30);
    expect(only(again, 'device.failed').data).toMatchObject({ step: 'vpci', errno: -95 });
    expect(only(again, 'hypercall.returned').data.ret).toBe(-95);
  });
});

describe('COMMAND', () => {
  it('maps and unmaps with the memory bit, and writes hardware when that is done', () => {
    const bench = new BenchPvh();
    const off = bench.write(NIC, 4, 2, 0x101);
    expect(mappings(off)).toEqual(['-0:fe140-fe15f', '-3:fe181-fe181', '-3:fe183-fe183']);
    expect(hardwareWrites(off)).toEqual(['4/2=101']);
    expect(bench.read(NIC, 4, 2)).toBe(0x101);
    const on = bench.write(NIC, 4, 2, 0x103);
    expect(mappings(on)).toEqual(['+0:fe140-fe15f', '+3:fe181-fe181', '+3:fe183-fe183']);
    expect(bench.device(NIC).header.barsMapped).toBe(true);
  });

  it('goes straight down when the memory bit stays', () => {
    const events = new BenchPvh().write(NIC, 4, 2, 0x507);
    expect(hardwareWrites(events)).toEqual(['4/2=507']);
    expect(mappings(events)).toEqual([]);
  });

  it('written together with STATUS reaches hardware last', () => {
    const events = new BenchPvh().write(NIC, 4, 4, 0xf900_0101);
    expect(hardwareWrites(events)).toEqual(['6/2=f900', '4/2=101']);
  });
});

describe('a BAR of the hardware domain', () => {
  it('cannot move while it is mapped, and says so unless nothing would change', () => {
    const bench = new BenchPvh();
    expect(warnings(bench.write(NIC, 0x10, 4, 0xffff_ffff))).toEqual(['ignored BAR 0 write while mapped']);
    expect(warnings(bench.write(NIC, 0x10, 4, 0xfe14_0000))).toEqual([]);
    expect(bench.read(NIC, 0x10, 4)).toBe(0xfe14_0000);
  });

  it('moves while memory decoding is off; its type bits are put back', () => {
    const bench = new BenchPvh();
    bench.write(GPU, 4, 2, 1);
    expect(hardwareWrites(bench.write(GPU, 0x10, 4, 0xffff_ffff))).toEqual(['10/4=fffffffc']);
    expect(bench.read(GPU, 0x10, 4)).toBe(0xf000_000c);
    bench.write(GPU, 0x10, 4, 0);
    bench.write(GPU, 0x14, 4, 0x9);
    expect(mappings(bench.write(GPU, 4, 2, 3))).toEqual(['+0:900000-90ffff']);
  });

  it('of I/O space is plain hardware', () => {
    expect(hardwareWrites(new BenchPvh().write(NIC, 0x18, 4, 0xe081))).toEqual(['18/4=e081']);
  });

  it('leaves out frames that another function has mapped', () => {
    const bench = new BenchPvh();
    bench.write(GPU, 4, 2, 1);
    bench.write(GPU, 0x10, 4, 0xf000_0000);
    bench.write(GPU, 0x14, 4, 0);
    expect(mappings(bench.write(GPU, 4, 2, 3))).toEqual([
      '+0:f0000-fe13f',
      '+0:fe160-fe17f',
      '+0:fe184-fffff',
    ]);
  });
});

describe('the ROM', () => {
  it('is mapped alone when it is turned on while memory decodes', () => {
    const bench = new BenchPvh();
    const on = bench.write(NIC, 0x30, 4, 0xfe10_0001);
    expect(mappings(on)).toEqual(['+6:fe100-fe13f']);
    expect(hardwareWrites(on)).toEqual(['30/4=fe100001']);
    expect(warnings(bench.write(NIC, 0x30, 4, 0xfe20_0001))).toEqual(['ignored ROM BAR write while mapped']);
    const off = bench.write(NIC, 0x30, 4, 0xfe10_0000);
    expect(mappings(off)).toEqual(['-6:fe100-fe13f']);
    expect(bench.read(NIC, 0x30, 4)).toBe(0xfe10_0000);
  });

  it('only takes the value while memory does not decode, and is mapped with the BARs', () => {
    const bench = new BenchPvh();
    bench.write(NIC, 4, 2, 0x101);
    expect(mappings(bench.write(NIC, 0x30, 4, 0xfe10_0001))).toEqual([]);
    expect(bench.device(NIC).header.romEnabled).toBe(true);
    expect(mappings(bench.write(NIC, 4, 2, 0x103)).at(-1)).toBe('+6:fe100-fe13f');
  });
});

describe('what is not emulated', () => {
  it('is hardware for the hardware domain', () => {
    const bench = new BenchPvh();
    expect(bench.read(NIC, 0, 4)).toBe(0x10d3_8086);
    expect(bench.read(0x18, 0, 4)).toBe(0xffff_ffff);
    const events = bench.config('read', NIC, 0, 2, null, { via: 'cf8' });
    expect(only(events, 'config.completed').data).toMatchObject({ value: 0x8086, handledBy: 'vpci' });
  });

  it('answers ones to sizes and places it does not take', () => {
    const bench = new BenchPvh();
    const wrong = [
      bench.config('read', NIC, 1, 2, null),
      bench.config('read', NIC, 0x100, 4, null, { via: 'cf8' }),
      bench.config('read', NIC, 0xffe, 4, null),
    ];
    for (const events of wrong)
      expect(only(events, 'config.completed').data.value).toBeGreaterThanOrEqual(0xffff);
    expect(all(bench.config('write', NIC, 2, 4, 7), 'config.performed')).toEqual([]);
  });
});
