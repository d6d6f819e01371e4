import { describe, expect, it } from 'vitest';
import { errno } from '../../../../src/base/errno.js';
import type { TraceEvent } from '../../../../src/events/catalogue.js';
import { registerWindow, trappedWindows } from '../../../../src/models/xen/vpci/windows.js';
import { PC_MMCFG } from '../../../../src/platform/built-in/pvh-pc.js';
import { all, BenchPvh, NIC, only } from './bench-pvh.js';

const completed = (events: readonly TraceEvent[]) => only(events, 'io.completed').data;
const cf8 = (devfn: number, reg: number): number => (0x8000_0000 | (devfn << 8) | (reg & 0xfc)) >>> 0;

describe('ports', () => {
  it('keep the latch and read registers through it', () => {
    const bench = new BenchPvh();
    bench.io('port', 0xcf8, 4, [cf8(NIC, 0)]);
    expect(completed(bench.io('port', 0xcf8, 4))).toMatchObject({ value: cf8(NIC, 0), handledBy: 'vpci' });
    expect(completed(bench.io('port', 0xcfc, 4)).value).toBe(0x10d3_8086);
    expect(completed(bench.io('port', 0xcfe, 2)).value).toBe(0x10d3);
    expect(completed(bench.io('port', 0xcfd, 1)).value).toBe(0x80);
    bench.io('port', 0xcf8, 4, [cf8(NIC, 4)]);
    bench.io('port', 0xcfc, 2, [0x0107]);
    expect(bench.read(NIC, 4, 2)).toBe(0x0107);
  });

  it('answer ones to a misaligned size, drop its write and ignore the extended register bits', () => {
    const bench = new BenchPvh();
    bench.io('port', 0xcf8, 4, [cf8(NIC, 0x04) + 0x0f00_0000]);
    expect(completed(bench.io('port', 0xcfc, 2)).value).toBe(0x0103);
    expect(completed(bench.io('port', 0xcfd, 2)).value).toBe(0xffff);
    bench.io('port', 0xcfd, 4, [0]);
    expect(bench.read(NIC, 4, 2)).toBe(0x0103);
  });

  it('leave the data ports alone while the latch is off; narrow accesses to 0xCF8 are not theirs', () => {
    const bench = new BenchPvh();
    bench.io('port', 0xcf8, 4, [cf8(NIC, 0) - 0x8000_0000]);
    expect(completed(bench.io('port', 0xcfc, 4))).toMatchObject({ value: 0xffff_ffff, handledBy: 'nobody' });
    expect(completed(bench.io('port', 0xcf8, 1)).handledBy).not.toBe('vpci');
  });
});

describe('MMCFG windows', () => {
  const at = (devfn: number, reg: number): number => PC_MMCFG + devfn * 4096 + reg;

  it('trap every register, 8 bytes as two halves, low first', () => {
    const bench = new BenchPvh();
    expect(completed(bench.io('mem', at(NIC, 0x100), 4))).toMatchObject({
      value: 0x1401_0001,
      handledBy: 'vpci:ecam',
    });
    expect(completed(bench.io('mem', at(NIC, 0), 8))).toMatchObject({
      value: 0x10d3_8086,
      valueHigh: 0x0010_0103,
    });
    bench.io('mem', at(NIC, 4), 2, [0x0107]);
    expect(bench.read(NIC, 4, 2)).toBe(0x0107);
  });

  it('answer ones to what is not aligned, and the instruction goes on', () => {
    expect(completed(new BenchPvh().io('mem', at(NIC, 1), 4))).toMatchObject({
      value: 0xffff_ffff,
      result: 'done',
    });
  });

  it('turned off take the extended lists with them, and bring them back', () => {
    const bench = new BenchPvh();
    const vouch = (flags: number, address: number = PC_MMCFG): TraceEvent[] =>
      bench.physdev('pci_mmcfg_reserved', { address, segment: 0, start_bus: 0, end_bus: 255, flags });
    const extended = (): number[] =>
      bench
        .device(NIC)
        .registers.map(({ offset }) => offset)
        .filter((offset) => offset >= 0x100);
    expect(extended()).toEqual([0x100, 0x140]);
    bench.write(NIC, 0xd4, 4, 0xfee0_1000);
    expect(all(vouch(0), 'vpci.attached')).toHaveLength(3);
    expect(extended()).toEqual([]);
    expect(bench.read(NIC, 0xd4, 4)).toBe(0xfee0_1000);
    expect(only(vouch(1), 'hypercall.returned').data.ret).toBe(0);
    expect(extended()).toEqual([0x100, 0x140]);
    expect(only(vouch(1, 0xd000_0000), 'hypercall.returned').data.ret).toBe(-errno.EIO);
  });

  it('are registered once and never overlap', () => {
    const { engine } = new BenchPvh();
    const register = (address: number, segment: number, first: number, last: number): number => {
      let ret = 0;
      // Registration happens inside an input's decision.
      const { state, env } = engine;
      ret = registerWindow({ state, env, emit: () => 0 as never }, address, segment, first, last);
      return ret;
    };
    expect(trappedWindows(engine)).toHaveLength(1);
    expect(register(PC_MMCFG, 0, 0, 255)).toBe(0);
    expect(register(PC_MMCFG, 0, 9, 8)).toBe(-errno.EINVAL);
    expect(register(PC_MMCFG, 0, 0, 127)).toBe(-errno.EEXIST);
    expect(register(PC_MMCFG, 1, 0, 255)).toBe(-errno.EEXIST);
    expect(register(0xd000_0000, 1, 0, 63)).toBe(0);
  });
});
