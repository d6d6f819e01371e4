import { describe, expect, it } from 'vitest';
import { describeMachine, type RecordedFunction } from './topology.js';

const fn = (path: string, devfn: number, qemu_name: string): RecordedFunction => ({
  path,
  devfn,
  qemu_name,
  bars: [],
  config: '00'.repeat(256),
  wmask: '00'.repeat(256),
  w1cmask: '00'.repeat(256),
});

const placesOf = (args: readonly string[], devices: readonly RecordedFunction[]) =>
  describeMachine({ args, devices }, 128, []).functions.map(({ type, id, parent }) => [type, id, parent]);

describe('a machine read from a command line', () => {
  it('tells functions apart whose paths begin anew behind expanders', () => {
    const args = [
      ...['-device', 'pxb-pcie,id=px1,bus_nr=64,bus=pcie.0,addr=08.0'],
      ...['-device', 'pxb-pcie,id=px2,bus_nr=128,bus=pcie.0,addr=09.0'],
      ...['-device', 'pcie-root-port,id=rp1,bus=px1,addr=00.0', '-device', 'ioh3420,id=rp2,bus=px2,addr=0'],
    ];
    const devices = [
      fn('00.0', 0, 'mch'),
      fn('00.0', 0, 'pcie-root-port'),
      fn('00.0', 0, 'ioh3420'),
      fn('08.0', 0x40, 'pxb-pcie'),
      fn('09.0', 0x48, 'pxb-pcie'),
    ];
    expect(placesOf(args, devices)).toEqual([
      ['mch', '', null],
      ['pxb-pcie', 'px1', null],
      ['pxb-pcie', 'px2', null],
      ['pcie-root-port', 'rp1', 1],
      ['ioh3420', 'rp2', 2],
    ]);
  });

  it('finds a type that was asked for by another name at its place', () => {
    const devices = [fn('00.0', 0, 'mch'), fn('03.0', 0x18, 'lsi53c895a')];
    expect(placesOf(['-device', 'lsi,id=a,addr=3'], devices)).toEqual([
      ['mch', '', null],
      ['lsi53c895a', 'a', null],
    ]);
  });

  it('says which function has no bytes', () => {
    const broken = { path: '04.0', devfn: 0x20, qemu_name: 'edu', bars: [] } as unknown as RecordedFunction;
    expect(() => placesOf([], [broken])).toThrowError(/function 04\.0 has no config/);
  });
});
