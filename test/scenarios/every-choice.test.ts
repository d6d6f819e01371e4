import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { runMachine } from '../../src/machine/machine.js';
import type { Program } from '../../src/machine/program.js';
import { findScenario, scenarios } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';
import { recordingFaults, scan } from '../scan/scan.js';

// `npm run scan` tries every scenario under every other value of every axis and switch; here a part of them.

/** Runs that did not end, gave way or wrote an event that follows from a later one. */
const once: Readonly<Record<string, readonly string[]>> = {
  'not-assignable-after-toolstack-crash': ['iommu=off', 'hardware-domain=domd', 'hardware-domain=dom0less'],
  'killed-between-assign-and-store': [
    'iommu=off',
    'assignable=xen-flag',
    'assignable=xenstore',
    'hardware-domain=domd',
    'hardware-domain=dom0less',
  ],
  'request-channel-breaks': ['assignable=xen-flag', 'assignable=xenstore'],
  'stub-domain-reaches-the-driver-domain': [
    'iommu=off',
    'hardware-domain=dom0less',
    'driver-domain=as-built',
    'driver-domain=channel',
    'xen=4.17',
    'xen=4.18',
    'xen=4.19',
  ],
  'assigned-flag-on-the-wrong-device': ['segments.dom0=firmware', 'hardware-domain=dom0less'],
  'what-passes-through-dom0': ['iommu=off', 'hardware-domain=domd', 'hardware-domain=dom0less'],
};

/** The larger scenarios are left to `npm run scan`. */
const SMALL = 500;
/** Of the choices of a small scenario every so many-th is tried, another one in each. */
const STRIDE = 16;

const sizeOf = (name: string): number => {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  return runScenario(scenario, env, 1, () => {});
};

describe('a scenario under another single choice', () => {
  it.each(Object.entries(once))('%s ends, replays, and what-if goes there and back', (name, choices) => {
    const { failures, runs } = scan(findScenario(name)!, (choice) => choices.includes(choice.name));
    expect(failures).toEqual([]);
    expect(runs).toBeGreaterThan(0);
  });

  it('does so in a part of all cases', () => {
    const small = scenarios.filter(({ name }) => name !== 'guest-boot-1000' && sizeOf(name) <= SMALL);
    let runs = 0;
    const failures = small.flatMap((scenario, nth) => {
      let at = nth;
      const scanned = scan(scenario, () => at++ % STRIDE === 0);
      runs += scanned.runs;
      return scanned.failures;
    });
    expect(failures).toEqual([]);
    expect(small.length).toBeGreaterThan(100);
    expect(runs).toBeGreaterThan(100);
  });
});

describe('the scan', () => {
  const { env } = (() => {
    const scenario = findScenario('two-bridges-swapped')!;
    return { env: scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null }) };
  })();

  it('sees a machine that does not come to rest', () => {
    const restless: Program = function* () {
      for (;;) yield { sleepNs: 1 };
    };
    const patient: Program = function* () {
      for (;;) yield { until: () => true };
    };
    for (const program of [restless, patient]) {
      const run = () => runMachine(env, { program }, 1, () => {}, { turnLimit: 1_000 });
      expect(run).toThrow(expect.objectContaining({ code: 'RUN-003' }));
    }
  });

  it('sees events out of order, of another cause, or not decided so', () => {
    const scenario = findScenario('two-bridges-swapped')!;
    const events: TraceEvent[] = [];
    runScenario(scenario, env, 1, (batch) => events.push(...batch));
    expect(recordingFaults({ env, events })).toEqual([]);
    const changed = (at: number, change: object): TraceEvent[] =>
      events.map((event, i) => (i === at ? ({ ...event, ...change } as TraceEvent) : event));
    expect(recordingFaults({ env, events: changed(20, { seq: 21 }) })).not.toEqual([]);
    expect(recordingFaults({ env, events: changed(20, { cause: 30 }) })).not.toEqual([]);
    expect(recordingFaults({ env, events: events.filter((_event, i) => i !== 21) })).not.toEqual([]);
  });
});
