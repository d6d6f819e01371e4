import { describe, expect, it } from 'vitest';
import type { DomainId, PhysicalAddress } from '../../../src/base/brand.js';
import type { DataOf } from '../../../src/events/catalogue.js';
import { type FunctionId, functionId } from '../../../src/pci/function-id.js';
import { bdf } from '../../../src/pci/sbdf.js';
import type { MsiController, Platform } from '../../../src/platform/platform.js';
import { Bench, DOMU, ITS_BASE, nicA, nicB, TRANSLATER, twoBridges } from '../arm/bench.js';

const D2 = 2 as DomainId;
const frame: MsiController = {
  node: '/v2m',
  model: 'gicv2m',
  base: 0x2c1c0000,
  doorbell: 0x2c1c0040,
  deviceIdBits: 0,
  eventIdBits: 0,
  spiBase: 224,
  spiCount: 4,
};

/** The two-bridge machine with a GICv2m frame beside its ITS. */
const platform = (): Platform => {
  const made = twoBridges();
  return { ...made, msiControllers: [...made.msiControllers, frame] };
};

type Field = DataOf<'vector.written'>['field'];

function write(
  bench: Bench,
  domid: DomainId,
  fn: FunctionId,
  field: Field,
  value: number,
  vector = 0,
): string[] {
  return bench.take({
    kind: 'vector.written',
    by: `d${domid}`,
    data: { domid, function: fn, vector, field, value },
  });
}

/** A guest's driver sets up one MSI-X vector the way Linux does. */
function setUp(
  bench: Bench,
  domid: DomainId,
  fn: FunctionId,
  address: number,
  data: number,
  vector = 0,
): void {
  write(bench, domid, fn, 'address', address, vector);
  write(bench, domid, fn, 'address-high', 0, vector);
  write(bench, domid, fn, 'data', data, vector);
  write(bench, domid, fn, 'enable', 1);
  write(bench, domid, fn, 'mask', 0, vector);
}

const raise = (bench: Bench, fn: FunctionId, vector = 0): string[] =>
  bench.take({ kind: 'msi.raised', by: 'hw', data: { function: fn, vector } });
const end = (bench: Bench, domid: DomainId, fn: FunctionId, vector = 0): string[] =>
  bench.take({ kind: 'msi.ended', by: `d${domid}`, data: { domid, function: fn, vector } });
const service = (bench: Bench): string[] =>
  bench.take({ kind: 'iommu.serviced', by: 'xen', data: { smmu: 0x2b400000 as PhysicalAddress } });
const deliveries = (lines: readonly string[]): string[] =>
  lines.filter((text) => /^(delivered|dropped)/.test(text));

/** Two guests, a card each, agreed numbering. */
function guests(policies: ConstructorParameters<typeof Bench>[1], switches = {}): Bench {
  const bench = new Bench(platform(), policies, switches);
  bench.xenProbes(0xa000_0000, 0xb000_0000);
  bench.dom0Probes(0xa000_0000, 0xb000_0000);
  bench.add(0);
  bench.add(1);
  bench.domain(DOMU, false);
  bench.domain(D2, false);
  bench.assign(0, DOMU);
  bench.assign(1, D2);
  return bench;
}

const M1 = { 'guest-msi': 'trap', msi: 'gicv2m', doorbell: 'mapped' } as const;
const GUEST_DOORBELL = 0x0802_0040;

describe('M1: trap the write, force the message (facts/arm-msi-iommu 5.3)', () => {
  it('the function holds a message of Xen, the guest gets the interrupt it asked for', () => {
    const bench = guests(M1);
    setUp(bench, DOMU, nicA, GUEST_DOORBELL, 7);
    expect(bench.engine.state.msi.functions[nicA]!.vectors[0]).toMatchObject({
      askedAddress: GUEST_DOORBELL,
      askedData: 7,
      address: frame.doorbell,
      data: 224,
      phase: 'armed',
      event: 224,
    });
    expect(deliveries(raise(bench, nicA))).toEqual(['delivered 7 to d1, driver d1']);
  });

  it('a second interrupt before the end of the first waits and follows it', () => {
    const bench = guests(M1);
    setUp(bench, DOMU, nicA, GUEST_DOORBELL, 7);
    raise(bench, nicA);
    expect(deliveries(raise(bench, nicA))).toEqual([]);
    expect(deliveries(end(bench, DOMU, nicA))).toEqual(['delivered 7 to d1, driver d1']);
    expect(deliveries(end(bench, DOMU, nicA))).toEqual([]);
  });

  it('only what the guest wrote last before the enable counts', () => {
    const bench = guests(M1);
    write(bench, DOMU, nicA, 'data', 5);
    write(bench, DOMU, nicA, 'data', 9);
    setUp(bench, DOMU, nicA, GUEST_DOORBELL, 11);
    expect(deliveries(raise(bench, nicA))).toEqual(['delivered 11 to d1, driver d1']);
    expect(Object.keys(bench.engine.state.msi.claims[frame.base]!)).toEqual(['224']);
  });

  it('a message while the vector is masked stays pending and is sent by the unmask', () => {
    const bench = guests(M1);
    setUp(bench, DOMU, nicA, GUEST_DOORBELL, 7);
    write(bench, DOMU, nicA, 'mask', 1);
    expect(deliveries(raise(bench, nicA))).toEqual([]);
    expect(deliveries(write(bench, DOMU, nicA, 'mask', 0))).toEqual(['delivered 7 to d1, driver d1']);
  });

  it('an empty pool refuses: the vector has no event and nothing is sent for it', () => {
    const bench = guests(M1);
    for (let vector = 0; vector < 4; vector++) setUp(bench, DOMU, nicA, GUEST_DOORBELL, vector, vector);
    expect(write(bench, D2, nicB, 'data', 1)).toContain('msi.refused');
    expect(bench.engine.state.msi.functions[nicB]!.vectors[0]!.phase).toBe('free');
  });

  it('a multi-message MSI takes a block aligned to its size and puts the vector into the low bits', () => {
    const bench = guests(M1);
    write(bench, DOMU, nicA, 'messages', 1);
    write(bench, DOMU, nicA, 'address', GUEST_DOORBELL);
    write(bench, DOMU, nicA, 'data', 6);
    write(bench, DOMU, nicA, 'enable', 1);
    expect(bench.engine.state.msi.functions[nicA]!.vectors[1]).toMatchObject({ askedData: 7, event: 225 });
    expect(deliveries(raise(bench, nicA, 1))).toEqual(['delivered 7 to d1, driver d1']);
  });

  it('a reset frees the event at once: a late message of the old owner reaches the new one', () => {
    const bench = guests(M1);
    setUp(bench, DOMU, nicA, GUEST_DOORBELL, 7);
    bench.take({ kind: 'device.reset', by: 'd0', data: { function: nicA, method: 'flr' } });
    setUp(bench, D2, nicB, GUEST_DOORBELL, 3);
    expect(deliveries(bench.message(nicA, 224, frame.doorbell))).toEqual(['delivered 3 to d2, driver d1']);
  });

  it('reading back gives the message of the guest, not that of Xen', () => {
    const bench = guests(M1);
    setUp(bench, DOMU, nicA, GUEST_DOORBELL, 7);
    const read = (field: DataOf<'vector.read'>['field']): unknown => {
      const [, answer] = bench.engine.step({
        kind: 'vector.read',
        by: 'd1',
        data: { domid: DOMU, function: nicA, vector: 0, field },
      });
      return answer?.data;
    };
    expect([read('address'), read('address-high'), read('data'), read('mask'), read('pending')]).toEqual([
      { value: GUEST_DOORBELL },
      { value: 0 },
      { value: 7 },
      { value: 0 },
      { value: 0 },
    ]);
  });

  it('giving the device back frees its events; what it still holds is an event of nobody', () => {
    const bench = guests(M1);
    setUp(bench, DOMU, nicA, GUEST_DOORBELL, 7);
    bench.take({
      kind: 'hypercall.issued',
      by: 'd0',
      data: {
        domid: 0 as DomainId,
        hypercall: 'domctl',
        op: 'deassign_device',
        args: { domain: DOMU, dev: 0, flags: 0, pci: { machine_sbdf: 0x100 } },
      },
    });
    expect(bench.engine.state.msi.claims[frame.base]).toEqual({});
    expect(bench.message(nicA, 224, frame.doorbell).at(-1)).toContain('dropped');
  });

  it('on the ITS Xen maps the DeviceID of the segment it knows: with swapped numbers the message is dropped', () => {
    const bench = new Bench(twoBridges(), { 'guest-msi': 'trap', doorbell: 'mapped' });
    bench.xenProbes(0xa000_0000, 0xb000_0000);
    bench.dom0Probes(0xb000_0000, 0xa000_0000);
    bench.add(0);
    bench.add(1);
    bench.domain(DOMU, false);
    bench.assign(1, DOMU);
    setUp(bench, DOMU, nicA, GUEST_DOORBELL, 7);
    expect(Object.keys(bench.engine.state.its.hosts[ITS_BASE]!)).toEqual([String(0x10100)]);
    expect(deliveries(raise(bench, nicA))).toEqual(['dropped: the DeviceID is not mapped on the ITS']);
  });
});

describe('M2: the hole M1 leaves (facts/arm-msi-iommu 5.3, 9)', () => {
  const attack = (policies: ConstructorParameters<typeof Bench>[1]): string[] => {
    const bench = guests(policies);
    setUp(bench, D2, nicB, GUEST_DOORBELL, 3);
    const { address, data } = bench.engine.state.msi.functions[nicB]!.vectors[0]!;
    const lines = bench.dma(nicA, address, 'write', data);
    return [...lines, ...service(bench)].filter((text) => /^(delivered|dropped|fault)/.test(text));
  };

  it('GICv2m with a mapped doorbell: a plain DMA write is an interrupt of the other guest', () => {
    expect(attack(M1)).toEqual(['delivered 3 to d2, driver d1']);
  });

  it('an ITS sees the DeviceID of the attacker', () => {
    expect(attack({ ...M1, msi: 'its' })).toEqual(['dropped: the DeviceID is not mapped on the ITS']);
  });

  it('without a mapped doorbell the SMMU stops the attack', () => {
    expect(attack({ ...M1, doorbell: 'unmapped-smmu-abort' })[0]).toContain('F_TRANSLATION');
  });

  it('M3 makes at most an interrupt of the attacker itself of it', () => {
    const lines = attack({ 'guest-msi': 'fault', msi: 'gicv2m' });
    expect(lines.filter((text) => text.startsWith('delivered'))).toEqual([]);
  });
});

describe('M3: no mapping, an interrupt from the fault record (facts/arm-msi-iommu 5.3)', () => {
  const M3 = { 'guest-msi': 'fault' } as const;

  it('one address for each vector works', () => {
    const bench = guests(M3);
    setUp(bench, DOMU, nicA, GUEST_DOORBELL, 7, 0);
    setUp(bench, DOMU, nicA, GUEST_DOORBELL + 0x1000, 8, 1);
    expect(raise(bench, nicA, 1).at(-1)).toBe('msi.pended');
    expect(deliveries(service(bench))).toEqual(['delivered 8 to d1, driver d1']);
  });

  it('vectors that differ in data only cannot be told apart', () => {
    const bench = guests(M3);
    setUp(bench, DOMU, nicA, GUEST_DOORBELL, 7, 0);
    setUp(bench, DOMU, nicA, GUEST_DOORBELL, 8, 1);
    raise(bench, nicA, 1);
    expect(deliveries(service(bench))).toEqual([
      'dropped: vectors differ only in data, which the event record does not carry',
    ]);
  });

  it('a full event queue loses interrupts and says how many', () => {
    const bench = guests(M3, { 'event-queue': '2' });
    setUp(bench, DOMU, nicA, GUEST_DOORBELL, 7);
    for (let i = 0; i < 4; i++) raise(bench, nicA);
    expect(raise(bench, nicA).slice(-2)).toEqual([
      'iommu.overflowed',
      'dropped: no event record of the write: the interrupt is lost',
    ]);
    expect(bench.engine.state.iommu.smmus[0x2b400000]!.lost).toBe(1);
  });
});

describe('as built, guests have no MSI path on ARM (facts/xen 6.4)', () => {
  it('the function takes what the guest wrote, and the SMMU stops it', () => {
    const bench = guests({});
    setUp(bench, DOMU, nicA, TRANSLATER, 3);
    expect(raise(bench, nicA).at(-1)).toBe(
      'dropped: the SMMU stopped the write: the controller sees nothing',
    );
  });
});

describe('x86 (facts/arm-msi-iommu 7.3, 9)', () => {
  const gpu = functionId(0, bdf(1, 0, 0));
  const nic = functionId(0, bdf(2, 0, 0));
  const machine = (remapping: 'on' | 'off'): Bench => {
    const made = twoBridges();
    const x86: Platform = { ...made, arch: 'x86_64', smmus: [], msiControllers: [] };
    const bench = new Bench(x86, { 'interrupt-remapping': remapping });
    setUp(bench, DOMU, gpu, 0xfee00000, 0x4041);
    setUp(bench, D2, nic, 0xfee00000, 0x4055);
    return bench;
  };
  const forge = (bench: Bench): string[] => {
    const { address, data } = bench.engine.state.msi.functions[nic]!.vectors[0]!;
    return deliveries(bench.dma(gpu, address, 'write', data));
  };

  it.each(['on', 'off'] as const)('delivers the guest vector, remapping %s', (remapping) => {
    expect(deliveries(raise(machine(remapping), gpu))).toEqual(['delivered 65 to d1, driver none']);
  });

  it('without remapping any bus master raises any vector', () => {
    expect(forge(machine('off'))).toEqual(['delivered 85 to d2, driver none']);
  });

  it('remapping checks the source id', () => {
    expect(forge(machine('on'))).toEqual(['dropped: the remapping entry belongs to another source id']);
  });

  it('remapping blocks the compatibility format', () => {
    expect(deliveries(machine('on').dma(gpu, 0xfee00000, 'write', 0x4030))).toEqual([
      'dropped: compatibility format is blocked while remapping is on',
    ]);
  });
});
