import { describe, expect, it } from 'vitest';
import { errno } from '../../../../src/base/errno.js';
import type { TraceEvent } from '../../../../src/events/catalogue.js';
import { vectorOf } from '../../../../src/models/xen/vpci/msi.js';
import { networkCard, pvhPc } from '../../../../src/platform/built-in/pvh-pc.js';
import { currentBehaviour } from '../../../../src/policy/behaviours.js';
import {
  all,
  BenchPvh,
  GPU,
  hardwareWrites,
  interrupts,
  NIC,
  NIC_TABLE,
  only,
  warnings,
} from './bench-pvh.js';
import { PlainFunction } from './plain-function.js';

const completed = (events: readonly TraceEvent[]) => only(events, 'io.completed').data;

describe('MSI', () => {
  /** The GPU's capability: control 52, address 54 and 58, data 5c, mask 60. */
  const program = (bench: BenchPvh, data = 0x41): void => {
    bench.write(GPU, 0x54, 4, 0xfee0_1000);
    bench.write(GPU, 0x58, 4, 0);
    bench.write(GPU, 0x5c, 2, data);
  };

  it('is read from what vPCI holds, not from hardware', () => {
    const bench = new BenchPvh();
    expect(bench.read(GPU, 0x52, 2)).toBe(0x0186);
    program(bench);
    expect(bench.read(GPU, 0x54, 4)).toBe(0xfee0_1000);
    expect(bench.read(GPU, 0x5c, 2)).toBe(0x41);
    expect(
      bench.engine.state.hw.config[bench.engine.env.platform.functions[2]!.function]?.[0x54],
    ).toBeUndefined();
  });

  it('stores the number of vectors while it is off', () => {
    const bench = new BenchPvh();
    expect(hardwareWrites(bench.write(GPU, 0x52, 2, 0x0020))).toEqual([]);
    expect(bench.read(GPU, 0x52, 2)).toBe(0x01a6);
    bench.write(GPU, 0x52, 2, 0x0070);
    expect(bench.read(GPU, 0x52, 2)).toBe(0x01b6);
  });

  it('maps a block and binds each vector when it is turned on', () => {
    const bench = new BenchPvh();
    program(bench);
    const on = bench.write(GPU, 0x52, 2, 0x0011);
    expect(interrupts(on)).toEqual(['map 0', 'bind 0', 'bind 1']);
    expect(all(on, 'vpci.interrupt').map(({ data }) => data.data)).toEqual([0x41, 0x41, 0x40]);
    expect(hardwareWrites(on)).toEqual(['52/2=197']);
    expect(bench.device(GPU).msi).toMatchObject({ enabled: true, mapped: true, bound: true, vectors: 2 });
  });

  it('is unbound and bound again when the message changes under it', () => {
    const bench = new BenchPvh();
    program(bench);
    bench.write(GPU, 0x52, 2, 1);
    expect(interrupts(bench.write(GPU, 0x5c, 2, 0x51))).toEqual(['unbind 0', 'bind 0']);
    expect(interrupts(bench.write(GPU, 0x54, 4, 0))).toEqual(['unbind 0', 'refuse 0']);
    expect(bench.device(GPU).msi).toMatchObject({ enabled: true, mapped: true, bound: false });
    expect(interrupts(bench.write(GPU, 0x54, 4, 0xfee0_0000))).toEqual(['bind 0']);
  });

  it('gives INTx back to the function when it is turned off', () => {
    const bench = new BenchPvh();
    program(bench);
    bench.write(GPU, 0x52, 2, 1);
    bench.write(GPU, 4, 2, 0x403);
    const off = bench.write(GPU, 0x52, 2, 0);
    expect(interrupts(off)).toEqual(['unbind 0', 'unmap 0']);
    expect(hardwareWrites(off)).toEqual(['4/2=3', '52/2=186']);
  });

  it('passes on only mask bits that changed and belong to a vector in use', () => {
    const bench = new BenchPvh();
    program(bench);
    expect(interrupts(bench.write(GPU, 0x60, 4, 0xff))).toEqual([]);
    bench.write(GPU, 0x52, 2, 0x0011);
    expect(interrupts(bench.write(GPU, 0x60, 4, 0x02))).toEqual(['unmask 0']);
    expect(interrupts(bench.write(GPU, 0x60, 4, 0x01))).toEqual(['mask 0', 'unmask 1']);
    expect(bench.read(GPU, 0x60, 4)).toBe(1);
  });

  // The vectors wrap inside their aligned block. facts/xen 5.7
  it.each([
    [0x41, 0, 2, 0x41],
    [0x41, 1, 2, 0x40],
    [0xfe, 3, 4, 0xfd],
    [0x20, 0, 1, 0x20],
    [0x1ff, 1, 8, 0xf8],
  ])('vector of data %i, message %i of %i is %i', (data, i, vectors, vector) => {
    expect(vectorOf(data, i, vectors)).toBe(vector);
  });
});

describe('MSI that cannot be had', () => {
  const refusing = (action: string) =>
    new PlainFunction(networkCard(2), {
      interrupt: (request) => (request.action === action ? -errno.ENOSPC : 0),
    });

  it('leaves the control word as it was when no pirq is free', () => {
    const nic = refusing('map');
    nic.write(0xd2, 2, 1);
    expect(nic.read(0xd2, 2)).toBe(0x0080);
    expect(nic.device.msi).toMatchObject({ enabled: false, mapped: false });
  });

  it('is on but unbound when the binding fails', () => {
    const nic = refusing('bind');
    nic.write(0xd4, 4, 0xfee0_0000);
    nic.write(0xd2, 2, 1);
    expect(nic.read(0xd2, 2)).toBe(0x0081);
    expect(nic.device.msi).toMatchObject({ enabled: true, mapped: true, bound: false });
  });
});

describe('pirqs of the hardware domain', () => {
  it('are taken for a block of messages and given back with it', () => {
    const bench = new BenchPvh();
    bench.write(GPU, 0x54, 4, 0xfee0_1000);
    bench.write(GPU, 0x5c, 2, 0x41);
    const on = bench.write(GPU, 0x52, 2, 0x0011);
    const mapped = all(on, 'pirq.mapped').map(({ data }) => data.pirq);
    expect(mapped).toHaveLength(2);
    expect(bench.device(GPU).msi?.pirq).toBe(mapped[0]);
    expect(all(on, 'pirq.bound').map(({ data }) => [data.pirq, data.gvec, data.gflags])).toEqual([
      [mapped[0], 0x41, 0x01],
      [mapped[1], 0x40, 0x01],
    ]);
    const off = bench.write(GPU, 0x52, 2, 0);
    expect(all(off, 'pirq.unbound')).toHaveLength(2);
    expect(all(off, 'pirq.unmapped').map(({ data }) => data.pirq)).toEqual(mapped);
  });
});

describe('MSI-X', () => {
  const entry = (nr: number, offset: number): number => NIC_TABLE + nr * 16 + offset;
  const program = (bench: BenchPvh, nr: number): void => {
    bench.io('mem', entry(nr, 0), 8, [0xfee0_2000, 0]);
    bench.io('mem', entry(nr, 8), 4, [0x60 + nr]);
  };

  it('keeps its table in Xen: entries start masked and read back as written', () => {
    const bench = new BenchPvh();
    expect(completed(bench.io('mem', entry(1, 12), 4))).toMatchObject({ value: 1, handledBy: 'vpci:msix' });
    program(bench, 1);
    expect(completed(bench.io('mem', entry(1, 0), 8))).toMatchObject({ value: 0xfee0_2000, valueHigh: 0 });
    expect(completed(bench.io('mem', entry(1, 8), 8))).toMatchObject({ value: 0x61, valueHigh: 1 });
    expect(completed(bench.io('mem', entry(1, 4), 4))).toMatchObject({ value: 0 });
  });

  it('takes aligned accesses of 4 and 8 bytes only', () => {
    const bench = new BenchPvh();
    const narrow = bench.io('mem', entry(0, 0), 2);
    expect(warnings(narrow)).toEqual(['unaligned or invalid size MSI-X table access']);
    expect(completed(narrow).value).toBe(0xffff);
    expect(warnings(bench.io('mem', entry(0, 4), 8, [1, 1]))).toHaveLength(1);
    expect(bench.device(NIC).msix?.entries).toEqual({});
  });

  it('takes over unmasked entries when it is turned on and gives all back when it is turned off', () => {
    const bench = new BenchPvh();
    for (const nr of [0, 2]) {
      program(bench, nr);
      expect(interrupts(bench.io('mem', entry(nr, 12), 4, [0]))).toEqual([]);
    }
    program(bench, 3);
    expect(interrupts(bench.write(NIC, 0xa2, 2, 0xc000))).toEqual([]);
    const on = bench.write(NIC, 0xa2, 2, 0x8000);
    expect(interrupts(on)).toEqual(['map 0', 'bind 0', 'map 2', 'bind 2']);
    expect(hardwareWrites(on)).toEqual(['a2/2=8004']);
    expect(bench.read(NIC, 0xa2, 2)).toBe(0x8004);
    expect(interrupts(bench.write(NIC, 0xa2, 2, 0))).toEqual(['unbind 0', 'unmap 0', 'unbind 2', 'unmap 2']);
    expect(bench.device(NIC).msix?.entries[2]).toMatchObject({ mapped: false, updated: true });
  });

  it('takes a rewritten entry over when it is unmasked; otherwise only the mask moves', () => {
    const bench = new BenchPvh();
    bench.write(NIC, 0xa2, 2, 0x8000);
    program(bench, 1);
    expect(interrupts(bench.io('mem', entry(1, 12), 4, [0]))).toEqual(['map 1', 'bind 1']);
    expect(interrupts(bench.io('mem', entry(1, 12), 4, [1]))).toEqual(['mask 1']);
    expect(interrupts(bench.io('mem', entry(1, 12), 4, [0]))).toEqual(['unmask 1']);
    bench.io('mem', entry(1, 12), 4, [1]);
    expect(interrupts(bench.io('mem', entry(1, 8), 8, [0x71, 0]))).toEqual([
      'unbind 1',
      'unmap 1',
      'map 1',
      'bind 1',
    ]);
  });

  it('does not keep an entry whose address is no interrupt', () => {
    const bench = new BenchPvh();
    bench.write(NIC, 0xa2, 2, 0x8000);
    bench.io('mem', entry(0, 0), 4, [0x1000]);
    const events = bench.io('mem', entry(0, 12), 4, [0]);
    expect(interrupts(events)).toEqual(['map 0', 'refuse 0', 'unmap 0']);
    expect(warnings(events)).toEqual(['unable to enable entry 0: -95']);
    expect(bench.device(NIC).msix?.entries[0]).toMatchObject({ mapped: false, updated: true, masked: false });
  });

  it('is not trapped while its BAR is not mapped', () => {
    const bench = new BenchPvh();
    bench.write(NIC, 4, 2, 0x101);
    expect(completed(bench.io('mem', entry(0, 0), 4)).handledBy).toBe('xen:p2m-fixup');
  });
});

describe('memory that is not mapped', () => {
  // xen/arch/x86/hvm/emulate.c, hvmemul_do_io: the null handler @RELEASE-4.17.0 to 4.20.0, opt_dom0_pf_fixup off by
  // default @RELEASE-4.21.0, on @RELEASE-4.22.0 (fa8687810a).
  it.each([
    ['4.17.0', 'nobody'],
    ['4.20.0', 'nobody'],
    ['4.21.0', 'nobody'],
    ['4.22.0', 'xen:p2m-fixup'],
  ] as const)('of a PVH hardware domain under %s: %s', (xen, handledBy) => {
    const older = currentBehaviour.filter((number) => number !== 15);
    const touched = (behaviour?: readonly number[]): string => {
      const bench = new BenchPvh({ xen }, pvhPc(), behaviour);
      bench.write(NIC, 4, 2, 0x101);
      return completed(bench.io('mem', NIC_TABLE, 4)).handledBy;
    };
    expect(touched()).toBe(handledBy);
    expect(touched(older)).toBe('xen:p2m-fixup');
  });
});
