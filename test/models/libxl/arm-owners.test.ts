import { describe, expect, it } from 'vitest';
import { whatIf } from '../../../replay/run/what-if.js';
import type { TraceEvent } from '../../../src/events/catalogue.js';
import type { Policies } from '../../../src/policy/axes.js';
import { findScenario } from '../../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../../src/scenarios/run.js';

const env = scenarioEnv(findScenario('who-owns-the-hardware-on-arm')!, {
  seed: 1,
  policies: {},
  switches: {},
  platform: null,
});
const recorded: TraceEvent[] = [];
runScenario(findScenario('who-owns-the-hardware-on-arm')!, env, 1, (batch) => recorded.push(...batch));

/** The life cycle again under another design. */
function under(policies: Partial<Policies>) {
  const events: TraceEvent[] = [];
  const { steps, findings } = whatIf(env, { ...env.policies, ...policies }, [recorded], {
    append: (batch) => events.push(...batch),
  });
  return { steps, findings, events };
}

/** Ends of the first card's requests: at boot, listed, in the guest (twice), detached, attached, removed, owner gone, up again. */
const card = (policies: Partial<Policies>): readonly string[] =>
  under(policies).steps.flatMap(({ report }) =>
    report.dma
      .filter((line) => !line.includes('0001:') && !line.includes('0xb'))
      .map((line) => line.replace(/^\S+ /, '').replace('memory of ', '')),
  );

const none = 'fault: C_BAD_STREAMID';
const stop = 'stopped without a record';
const outside = 'fault: not in the tables of d2';
const everyRequest = Array<string>(9).fill(none);

describe('an SMMU and who owns the hardware (facts/arm-msi-iommu 6, facts/dom0 12)', () => {
  it.each([
    [{}, ['d0', stop, 'd2', outside, stop, 'd2', 'd0', none, 'd0']],
    // Nobody took the card from its driver, and after the guest its entry stays on abort.
    [{ assignable: 'xen-flag' }, ['d0', 'd0', 'd2', outside, stop, 'd2', stop, none, 'd0']],
    [{ assignable: 'xenstore' }, ['d0', 'd0', 'd2', outside, stop, 'd2', stop, none, 'd0']],
    // A driver domain that is not the initial domain reports nothing, so that no stream has an entry.
    [{ 'hardware-domain': 'domd' }, everyRequest],
    [
      { 'hardware-domain': 'domd', 'driver-domain': 'proposed' },
      ['d1', stop, 'd2', outside, stop, 'd2', 'd1', stop, 'd1'],
    ],
    [{ 'hardware-domain': 'dom0less' }, everyRequest],
  ] as const)('%o', (policies, expected) => {
    expect(card(policies)).toEqual(expected);
  });

  it('the other card stays with the owner, whatever happens to the first', () => {
    const other = under({ 'hardware-domain': 'domd', 'driver-domain': 'proposed' }).steps.flatMap(
      ({ report }) => report.dma.filter((line) => line.startsWith('0001:')),
    );
    expect([...new Set(other)]).toEqual(['0001:01:00.0 memory of d1']);
  });

  it('a driver domain that comes up anew finds the numbers it had, and Xen has not looked again', () => {
    const { events, findings } = under({ 'hardware-domain': 'domd', 'driver-domain': 'proposed' });
    const numbers = events.flatMap((event) =>
      event.kind === 'segment.assigned' ? [`${event.data.by} ${event.data.segment}`] : [],
    );
    expect(numbers).toEqual(['xen 0', 'xen 1', 'dom0 0', 'dom0 1', 'dom0 0', 'dom0 1']);
    expect(findings.filter(({ rule }) => rule.startsWith('SEG'))).toEqual([]);
  });

  it('without a toolstack a node is given by its path, and a card is no node', () => {
    const { events } = under({ 'hardware-domain': 'dom0less' });
    const told = events.flatMap((event) => {
      if (event.kind === 'static.assigned') return [event.data.path];
      return event.kind === 'static.refused' ? [`${event.data.what}: ${event.data.why}`] : [];
    });
    expect(told).toEqual([
      '/soc/ethernet@fff51000',
      '0000:01:00.0: no node of the tree is a PCI function: no mechanism',
    ]);
  });
});
