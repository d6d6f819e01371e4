import { describe, expect, it } from 'vitest';
import { Bench, DOM0, DOMIO, DOMU, nicA, nicB, TRANSLATER, twoBridges } from './bench.js';

const A = 0xa000_0000;
const B = 0xb000_0000;
const DOM0_RAM = 0x4000_0000;
const GUEST_RAM_AT = 0x6000_0000;
const MIB = 0x10_0000;

const only = (lines: readonly string[], prefix: string): string[] =>
  lines.filter((text) => text.startsWith(prefix));

/** Xen: A=0, B=1. Dom0: A=1, B=0, as its bridges probed the other way round. */
function swapped(platform = twoBridges()): Bench {
  const bench = new Bench(platform);
  bench.xenProbes(A, B);
  bench.dom0Probes(B, A);
  bench.memory(DOM0, DOM0_RAM, DOM0_RAM, 16 * MIB);
  bench.domain(DOMU, false);
  bench.memory(DOMU, DOM0_RAM, GUEST_RAM_AT, 4 * MIB);
  return bench;
}

/** Rows 1 to 3: both devices announced, NIC-A (Dom0's 0001:01:00.0) given to the guest. */
function assigned(): Bench {
  const bench = swapped();
  bench.add(0);
  bench.add(1);
  bench.assign(1, DOMU);
  return bench;
}

describe('the wrong segment with its numbers (facts/arm-msi-iommu 6.7)', () => {
  it('rows 1 and 2: each add gives Dom0 the stream of the other NIC, and nothing shows', () => {
    const bench = swapped();
    expect(only(bench.add(0), 'STE')).toEqual(['STE 0x100 stage2 d0 vmid 1']);
    expect(only(bench.add(1), 'STE')).toEqual(['STE 0x10100 stage2 d0 vmid 1']);
    expect(bench.dma(nicA, DOM0_RAM + 0x1000)).toEqual(['memory 0x40001000 d0']);
    expect(bench.dma(nicB, DOM0_RAM + 0x2000)).toEqual(['memory 0x40002000 d0']);
  });

  it('row 3: assigning NIC-A moves the stream of NIC-B', () => {
    const bench = swapped();
    bench.add(0);
    bench.add(1);
    expect(only(bench.assign(1, DOMU), 'STE')).toEqual(['STE 0x10100 abort', 'STE 0x10100 stage2 d1 vmid 2']);
  });

  it('row 5: NIC-A, driven by the guest, reaches memory of Dom0', () => {
    const bench = assigned();
    expect(bench.dma(nicA, DOM0_RAM + 5 * MIB)).toEqual(['memory 0x40500000 d0']);
    expect(bench.dma(nicA, 0x9_0000_0000, 'read')).toEqual([
      'fault 0x100 F_TRANSLATION 0x0000010000000010 0x0000028800000000 0x0000000900000000 0x0000000900000000',
    ]);
  });

  it('row 6: NIC-B, still of Dom0, goes through the stage 2 of the guest', () => {
    const bench = assigned();
    expect(bench.dma(nicB, DOM0_RAM + 0x1000)).toEqual(['memory 0x60001000 d1']);
    expect(bench.dma(nicB, DOM0_RAM + 5 * MIB)).toEqual([
      'fault 0x10100 F_TRANSLATION 0x0001010000000010 0x0000028000000000 0x0000000040500000 0x0000000040500000',
    ]);
  });

  it('row 7: an MSI of NIC-B is lost at the SMMU', () => {
    const bench = assigned();
    bench.mapDevice(0x10100, 4);
    expect(bench.message(nicB, 3)).toEqual([
      'fault 0x10100 F_TRANSLATION 0x0001010000000010 0x0000028000000000 0x000000002f030040 0x000000002f030000',
      'dropped: the SMMU stopped the write: the controller sees nothing',
    ]);
  });

  it('row 8: an MSI of NIC-A goes to Dom0 when Dom0 had mapped the event, else nowhere', () => {
    const bench = assigned();
    expect(bench.message(nicA, 3)).toEqual(['dropped: the DeviceID is not mapped on the ITS']);
    bench.mapDevice(0x100, 4);
    expect(bench.message(nicA, 3)).toEqual([
      'its device 0x100 event 3 interrupt 8195 of d0',
      'delivered 8195 to d0, driver d1',
    ]);
    expect(bench.message(nicA, 9)).toEqual([
      'its device 0x100 event 9 interrupt 8201 of d0',
      'dropped: the host LPI leads to no virtual LPI',
    ]);
    expect(bench.message(nicA, 32)).toEqual(['dropped: the EventID is not mapped for this DeviceID']);
  });

  it('variant V1: with NIC-A alone the true stream has no second level, so the first DMA is a bad StreamID', () => {
    const bench = swapped();
    bench.add(1);
    expect(bench.dma(nicA, DOM0_RAM)).toEqual([
      'fault 0x100 C_BAD_STREAMID 0x0000010000000002 0x0000000000000000 0x0000000000000000 0x0000000000000000',
    ]);
  });

  it('variant V1: a neighbour on bus 1 of bridge A brings the second level, and the DMA aborts silently', () => {
    const bench = swapped();
    bench.add(1);
    bench.add(0, 1, 1);
    expect(bench.dma(nicA, DOM0_RAM)).toEqual(['fault 0x100 silent']);
  });

  it('variant V1: a linear table aborts silently', () => {
    const platform = twoBridges();
    const linear = { ...platform, smmus: platform.smmus.map((smmu) => ({ ...smmu, twoLevel: false })) };
    const bench = swapped(linear);
    bench.add(1);
    expect(bench.dma(nicA, DOM0_RAM)).toEqual(['fault 0x100 silent']);
  });

  it('variant V2: segments Xen has no bridge for are ENODEV, and both NICs are bad StreamIDs', () => {
    const bench = new Bench();
    bench.xenProbes(A, B);
    expect(bench.add(42).at(-1)).toBe('returned -ENODEV');
    expect(bench.add(43).at(-1)).toBe('returned -ENODEV');
    expect(only(bench.dma(nicA, DOM0_RAM), 'fault')).toHaveLength(1);
  });

  it('variant V4: an SMMUv2 cuts both ids to 0x100, so assigning one NIC moves both and returning it faults both', () => {
    const platform = twoBridges();
    const v2 = {
      ...platform,
      smmus: platform.smmus.map((smmu) => ({
        ...smmu,
        model: 'smmuv2' as const,
        streamIdBits: 15,
        twoLevel: false,
      })),
    };
    const bench = swapped(v2);
    expect(only(bench.add(0), 'STE')).toEqual(['STE 0x100 stage2 d0 vmid 1']);
    expect(only(bench.add(1), 'STE')).toEqual(['STE 0x100 stage2 d0 vmid 1']);
    expect(only(bench.assign(1, DOMIO), 'STE')).toEqual(['STE 0x100 fault']);
    expect(only(bench.assign(1, DOMU), 'STE')).toEqual(['STE 0x100 stage2 d1 vmid 2']);
    expect(bench.dma(nicA, DOM0_RAM)).toEqual(['memory 0x60000000 d1']);
    expect(bench.dma(nicB, DOM0_RAM)).toEqual(['memory 0x60000000 d1']);
    expect(bench.dma(nicB, DOM0_RAM + 8 * MIB)).toEqual([
      'fault 0x100 FSR.TF 0x0000000000000002 0x0000000000000010 0x0000000040800000 null unrecorded',
    ]);
  });

  it('an agreed numbering delivers: the wrong part was the StreamID, never the DeviceID', () => {
    const bench = new Bench();
    bench.xenProbes(A, B);
    bench.dom0Probes(A, B);
    bench.add(0);
    bench.add(1);
    bench.mapDevice(0x10100, 4);
    expect(bench.message(nicB, 3, TRANSLATER)).toEqual([
      'its device 0x10100 event 3 interrupt 8195 of d0',
      'delivered 8195 to d0, driver d0',
    ]);
  });

  it('two devices with one StreamID on an SMMUv3: the second attach is a BUG', () => {
    const platform = twoBridges();
    const iommuMap = platform.bridges[0]!.iommuMap;
    const bench = new Bench({
      ...platform,
      bridges: platform.bridges.map((bridge) => ({ ...bridge, iommuMap })),
    });
    bench.xenProbes(A, B);
    bench.add(0);
    expect(only(bench.add(1), 'panic')).toEqual([
      'panic BUG: stream table entry 0x100 of SMMU 0x2b400000 is live for d0',
    ]);
  });

  it('a stream table of 16 bits refuses bridge B with ERANGE', () => {
    const platform = twoBridges();
    const bench = new Bench({
      ...platform,
      smmus: platform.smmus.map((smmu) => ({ ...smmu, streamIdBits: 16 })),
    });
    bench.xenProbes(A, B);
    expect(bench.add(1).at(-1)).toBe('returned -ERANGE');
  });
});
