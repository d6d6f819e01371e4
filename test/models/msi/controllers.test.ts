import { describe, expect, it } from 'vitest';
import type { PhysicalAddress } from '../../../src/base/brand.js';
import { decodeMsiTyper, gravitonMessage, isValidFrame, v2mIidr } from '../../../src/platform/gicv2m.js';
import type { MsiController, Platform } from '../../../src/platform/platform.js';
import type { SwitchValue } from '../../../src/policy/switches.js';
import { Bench, nicA, nicB, twoBridges } from '../arm/bench.js';

const plain = { deviceIdBits: 0, eventIdBits: 0, spiBase: 0, spiCount: 0 };
const frame: MsiController = {
  ...plain,
  node: '/v2m',
  model: 'gicv2m',
  base: 0x2c1c0000,
  doorbell: 0x2c1c0040,
  spiBase: 224,
  spiCount: 32,
};
const nwl: MsiController = {
  ...plain,
  node: '/pcie@a0000000',
  model: 'nwl',
  base: 0xfd0e0000,
  doorbell: 0xfd480000,
};
const axi: MsiController = {
  ...plain,
  node: '/pcie@a0000000',
  model: 'axi',
  base: 0xfd0e0000,
  doorbell: 0x7fff0000,
};
const xgene: MsiController = {
  ...plain,
  node: '/msi',
  model: 'xgene',
  base: 0x79000000,
  doorbell: 0x79000000,
  spiBase: 0x30,
};

/** Both NICs without an SMMU in the way, and this controller. */
function withController(controller: MsiController, change: Partial<Platform> = {}): Platform {
  const platform = twoBridges();
  return {
    ...platform,
    bridges: platform.bridges.map((bridge) => ({
      ...bridge,
      iommuMap: null,
      msiMap: null,
      msiParents: [controller.node],
      ...(controller.model === 'nwl' ? { access: 'nwl' as const } : {}),
    })),
    msiControllers: [controller],
    ...change,
  };
}

const service = (bench: Bench, controller: MsiController): string[] =>
  bench.take({
    kind: 'msi.serviced',
    by: 'd0',
    data: { controller: controller.base as PhysicalAddress },
  });

describe('GICv2m (facts/arm-msi-iommu 4)', () => {
  it('any writer raises any SPI of the frame; Xen routes it to the hardware domain', () => {
    const bench = new Bench(withController(frame));
    expect(bench.message(nicA, 230, frame.doorbell)).toEqual([
      'gicv2m event 230 interrupt 230 of d0',
      'delivered 230 to d0, driver none',
    ]);
    expect(bench.dma(nicB, frame.doorbell, 'write', 230)).toEqual([
      'gicv2m event 230 interrupt 230 of d0',
      'delivered 230 to d0, driver none',
    ]);
  });

  it.each([
    [223, frame.doorbell],
    [256, frame.doorbell],
    [230, frame.base + 0x44],
  ])('data %i at %i raises nothing', (data, address) => {
    expect(new Bench(withController(frame)).message(nicA, data, address)).toEqual([
      'dropped: the frame has no SPI for this write',
    ]);
  });

  it.each([
    ['X-Gene counts from the first SPI', v2mIidr.XGENE, 6],
    ['NS2 counts from 32', v2mIidr.NS2, 198],
  ])('%s', (_name, iidr, data) => {
    const bench = new Bench(withController({ ...frame, iidr }));
    expect(bench.message(nicA, data, frame.doorbell).at(-1)).toBe('delivered 230 to d0, driver none');
  });

  it.each([
    [32, 1, true],
    [31, 1, false],
    [224, 0, false],
    [1018, 1, true],
    [1018, 2, false],
  ])('a frame of SPIs from %i, %i of them: %s', (base, count, valid) => {
    expect(isValidFrame(base, count)).toBe(valid);
  });

  it('MSI_TYPER has the first SPI in 25:16 and the number in 9:0; Graviton has the SPI in the address', () => {
    expect(decodeMsiTyper(0x00e00020)).toEqual({ spiBase: 224, spiCount: 32 });
    expect(gravitonMessage(0x1000_0000, 40)).toEqual({ address: 0x1000_0040, data: 0 });
  });
});

describe('NWL bridge (facts/arm-msi-iommu 5.1)', () => {
  it('keeps one bit per event: two messages before the handler are one interrupt', () => {
    const bench = new Bench(withController(nwl));
    expect(bench.message(nicA, 5, nwl.doorbell)).toEqual(['msi.latched']);
    bench.message(nicA, 5, nwl.doorbell);
    bench.message(nicA, 2, nwl.doorbell);
    expect(bench.engine.state.msi.latched[nwl.base]![5]!.count).toBe(2);
    expect(service(bench, nwl).filter((text) => text.startsWith('delivered'))).toEqual([
      'delivered 2 to d0, driver none',
      'delivered 5 to d0, driver none',
    ]);
  });

  it.each<[SwitchValue<'nwl-hi-handler'>, number]>([
    ['as-built', 8],
    ['fixed', 40],
  ])('the handler of the upper half, %s, passes event 40 on as %i', (handler, event) => {
    const bench = new Bench(withController(nwl), {}, { 'nwl-hi-handler': handler });
    bench.message(nicA, 40, nwl.doorbell);
    const events = bench.engine.step({
      kind: 'msi.serviced',
      by: 'd0',
      data: { controller: nwl.base as PhysicalAddress },
    });
    expect(events.at(-1)).toMatchObject({ kind: 'msi.delivered', data: { event } });
  });

  it('has 64 events', () => {
    expect(new Bench(withController(nwl)).message(nicA, 64, nwl.doorbell)).toEqual([
      'dropped: the bridge has 64 events',
    ]);
  });

  it('inside the bridge, the SMMU never sees a message; behind the SMMU it does', () => {
    const platform = withController(nwl);
    const { iommuMap } = twoBridges().bridges[0]!;
    const guarded = { ...platform, bridges: platform.bridges.map((bridge) => ({ ...bridge, iommuMap })) };
    expect(new Bench(guarded).message(nicA, 1, nwl.doorbell)).toEqual(['msi.latched']);
    const behind = new Bench(guarded, { 'nwl-doorbell': 'behind-smmu' });
    expect(behind.message(nicA, 1, nwl.doorbell)[0]).toContain('C_BAD_STREAMID');
  });
});

describe('bringing an NWL bridge up (facts/arm-msi-iommu 5.1)', () => {
  const cfgBase = twoBridges().bridges[0]!.cfgBase;
  type Step = 'clocks' | 'gt' | 'breg' | 'link' | 'ecam' | 'msi';
  const step = (
    bench: Bench,
    name: Step,
    by: 'dom0' | 'firmware' | 'xen' = 'dom0',
    result: 'done' | 'absent' = 'done',
  ) => {
    const event = bench.engine.step({
      kind: 'bridge.stepped',
      by: 'hw',
      data: { by, cfgBase, step: name, result },
    })[1]!;
    return event.kind === 'bridge.stuck' ? `${event.data.errno} ${event.data.reason}` : event.kind;
  };
  const owned = (): Bench => new Bench(withController(nwl), { 'bridge-init': 'dom0' });
  const up = (bench: Bench): void => {
    for (const name of ['clocks', 'gt', 'breg', 'link', 'ecam', 'msi'] as const) step(bench, name);
  };

  it('the link times out until the transceivers are assigned, then the driver comes back and gets it', () => {
    const bench = owned();
    step(bench, 'clocks');
    step(bench, 'breg');
    expect(step(bench, 'link')).toBe('-110 PHY link never came up in 10 tries: no gt');
    expect(step(bench, 'gt', 'firmware')).toBe('bridge.advanced');
    expect(step(bench, 'link')).toBe('bridge.advanced');
  });

  it('a missing ECAM block is logged and probing goes on; a missing MSI window is EIO', () => {
    const bench = owned();
    step(bench, 'clocks');
    expect(step(bench, 'ecam', 'dom0', 'absent')).toBe('0 ecam not present');
    expect(step(bench, 'msi', 'dom0', 'absent')).toBe('-5 MSI window not present');
  });

  it('whoever does not own the bridge gets nowhere', () => {
    expect(step(owned(), 'clocks', 'xen')).toBe('-1 the bridge belongs to dom0');
  });

  it('a message before the MSI window is enabled is no MSI', () => {
    const bench = owned();
    expect(bench.message(nicA, 1, nwl.doorbell)).toEqual([
      'dropped: the MSI window of the bridge is not enabled yet',
    ]);
    up(bench);
    expect(bench.message(nicA, 1, nwl.doorbell)).toEqual(['msi.latched']);
  });

  it('configuration accesses read all ones until the window is there, and below the root port until the link is', () => {
    const bench = owned();
    bench.dom0Probes(cfgBase);
    const read = (): number | null => {
      const event = bench.engine
        .step({
          kind: 'config.requested',
          by: 'd0',
          data: {
            domid: 0 as never,
            via: 'direct',
            dir: 'read',
            sbdf: 0x100 as never,
            reg: 0,
            size: 4,
            value: null,
          },
        })
        .find(({ kind }) => kind === 'config.completed');
      return event?.kind === 'config.completed' ? event.data.value : null;
    };
    expect(read()).toBe(0xffffffff);
    up(bench);
    expect(read()).toBe(0);
  });
});

describe('AXI bridge (facts/arm-msi-iommu 5.1)', () => {
  it('queues every message, in order, without merging', () => {
    const bench = new Bench(withController(axi));
    for (const data of [7, 3, 7]) bench.message(nicA, data, axi.doorbell);
    expect(service(bench, axi).filter((text) => text.startsWith('delivered'))).toEqual([
      'delivered 7 to d0, driver none',
      'delivered 3 to d0, driver none',
      'delivered 7 to d0, driver none',
    ]);
  });

  it('a full FIFO loses the message', () => {
    const bench = new Bench(withController(axi));
    for (let i = 0; i < 128; i++) bench.message(nicA, i, axi.doorbell);
    expect(bench.message(nicA, 0, axi.doorbell)).toEqual(['dropped: the receive FIFO of the bridge is full']);
  });
});

describe('X-Gene v1 (facts/arm-msi-iommu 5.2)', () => {
  it('merges writes of one vector and raises the SPI of the group', () => {
    const bench = new Bench(withController(xgene));
    bench.message(nicA, 2, xgene.base + 0x190000);
    bench.message(nicB, 2, xgene.base + 0x190000);
    expect(service(bench, xgene)).toEqual([
      'msi.drained',
      'xgene event 2 interrupt 51 of d0',
      'delivered 51 to d0, driver none',
    ]);
  });

  it('a bit beyond 15 is none', () => {
    expect(new Bench(withController(xgene)).message(nicA, 16, xgene.base)).toEqual([
      'dropped: no bit of this termination frame',
    ]);
  });
});
