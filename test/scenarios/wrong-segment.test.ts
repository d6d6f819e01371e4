import { describe, expect, it } from 'vitest';
import type { EventOf, KindName, TraceEvent } from '../../src/events/catalogue.js';
import { formatFunction } from '../../src/pci/function-id.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';
import type { Env } from '../../src/state/env.js';

function record(name: string): { env: Env; events: TraceEvent[] } {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (batch) => events.push(...batch));
  return { env, events };
}

const only = <K extends KindName>(events: readonly TraceEvent[], kind: K): EventOf<K>['data'][] =>
  events.filter((event) => event.kind === kind).map((event) => event.data as EventOf<K>['data']);

const streams = (events: readonly TraceEvent[]) =>
  only(events, 'iommu.programmed').map(({ streamId, config, domid }) => [streamId, config, domid]);

const faults = (events: readonly TraceEvent[]) =>
  only(events, 'iommu.faulted').map(({ streamId, event, w0, w2 }) => [streamId, event, w0, w2]);

const A = 0xa000_0000;
const B = 0xb000_0000;

describe('two-bridges-swapped is the table of facts/arm-msi-iommu 6.7', () => {
  const { env, events } = record('two-bridges-swapped');
  const behind = (cfgBase: number) => `0x${cfgBase.toString(16)}/01:00.0`;

  it('set-up: Xen calls A and B 0 and 1, Dom0 1 and 0', () => {
    expect(
      only(events, 'segment.assigned').map(({ by, segment, cfgBase }) => [by, segment, cfgBase]),
    ).toEqual([
      ['xen', 0, A],
      ['xen', 1, B],
      ['dom0', 0, B],
      ['dom0', 1, A],
    ]);
  });

  it('rows 1 and 2: each add touches the other card and programs its stream for Dom0', () => {
    expect(
      only(events, 'device.registered').map(({ sbdf, function: fn, owner }) => [
        sbdf,
        formatFunction(fn!, env.platform),
        owner,
      ]),
    ).toEqual([
      [0x1_0100, behind(B), 0],
      [0x0_0100, behind(A), 0],
    ]);
    const probed = new Set(only(events, 'config.performed').map(({ sbdf, function: fn }) => `${sbdf} ${fn}`));
    expect([...probed]).toEqual(['65792 65792', '256 256']);
  });

  it('rows 1 to 3: streams in order; assigning NIC-A moves the stream of NIC-B', () => {
    expect(streams(events)).toEqual([
      [0x1_0100, 'stage2', 0],
      [0x0_0100, 'stage2', 0],
      [0x1_0100, 'abort', null],
      [0x1_0100, 'stage2', 1],
    ]);
  });

  it("rows 5 and 6: NIC-A's DMA reaches Dom0's memory, NIC-B's the guest's or faults", () => {
    expect(
      only(events, 'dma.completed').map(({ streamId, domid, address }) => [streamId, domid, address]),
    ).toEqual([
      [0x0_0100, 0, 0x4100_0000],
      [0x1_0100, 1, 0x6100_0000],
    ]);
  });

  it('rows 5 to 7: the faults have these words', () => {
    expect(faults(events)).toEqual([
      [0x0_0100, 'F_TRANSLATION', '0x0000010000000010', '0x0000000900000000'],
      [0x1_0100, 'F_TRANSLATION', '0x0001010000000010', '0x0000000058000000'],
      [0x1_0100, 'F_TRANSLATION', '0x0001010000000010', '0x000000002f030040'],
    ]);
  });

  it("rows 7 and 8: NIC-B's interrupt is lost; NIC-A's goes to Dom0 when mapped, else nowhere", () => {
    expect(only(events, 'msi.delivered').map(({ domid, intid }) => [domid, intid])).toEqual([[0, 8192]]);
    expect(only(events, 'msi.dropped')).toHaveLength(2);
    expect(only(events, 'msi.translated').map(({ deviceId }) => deviceId)).toEqual([0x100, 0x100]);
  });
});

describe('variants of the table', () => {
  it("V1: with NIC-A alone the stream of an absent device is programmed, and NIC-A's own is no StreamID", () => {
    const { events } = record('two-bridges-one-device');
    expect(streams(events)[0]).toEqual([0x1_0100, 'stage2', 0]);
    expect(faults(events)[0]).toEqual([
      0x0_0100,
      'C_BAD_STREAMID',
      '0x0000010000000002',
      '0x0000000000000000',
    ]);
  });

  it('V2: numbers 42 and 43 are unknown to Dom0: reads give 0, adds -ENODEV, ownerless objects stay', () => {
    const { events } = record('two-bridges-42-43');
    expect(only(events, 'hypercall.returned').map(({ ret }) => ret)).toEqual([-19, -19]);
    expect(new Set(only(events, 'config.performed').map(({ value }) => value))).toEqual(new Set([0]));
    expect(only(events, 'device.registered').map(({ owner, function: fn }) => [owner, fn])).toEqual([
      [null, null],
      [null, null],
    ]);
  });

  it('V4: an SMMUv2 has one entry for both cards, and refuses to move what is attached: both stay with Dom0', () => {
    const { events } = record('two-bridges-smmuv2');
    expect(new Set(streams(events).map(([streamId]) => streamId))).toEqual(new Set([0x100]));
    expect(only(events, 'dma.completed').every(({ domid }) => domid === 0)).toBe(true);
    expect(only(events, 'dma.completed').length).toBeGreaterThan(1);
  });
});
