import { describe, expect, it } from 'vitest';
import { replay } from '../../replay/run/replayer.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { MemoryStore } from '../../src/log/stores/memory-store.js';
import { Recorder } from '../../src/machine/recorder.js';
import { rules } from '../../src/rules/index.js';
import { Judge } from '../../src/rules/judge.js';
import { scenarios } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv, scenarioHeader } from '../../src/scenarios/run.js';
import type { Scenario } from '../../src/scenarios/scenario.js';
import type { Env } from '../../src/state/env.js';

const SEEDS = [1, 2, 0xffff_ffff];

function record(scenario: Scenario, seed: number): { env: Env; events: TraceEvent[] } {
  const env = scenarioEnv(scenario, { seed, policies: {}, switches: {}, platform: null });
  const events: TraceEvent[] = [];
  runScenario(scenario, env, seed, (batch) => events.push(...batch));
  return { env, events };
}

function codesOf({ env, events }: { env: Env; events: readonly TraceEvent[] }): string[] {
  const judge = new Judge(env);
  for (const event of events) judge.see(event);
  return [...new Set(judge.findings.map(({ rule }) => rule))];
}

describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (_name, scenario) => {
  it('finds what it says it finds, in that order', () => {
    expect(codesOf(record(scenario, 1))).toEqual(scenario.expects);
  });

  it('replays without a difference whatever the seed', () => {
    for (const seed of SEEDS) {
      const { env, events } = record(scenario, seed);
      const { mismatched, compared, divergences } = replay(env, [events], { keep: 1 });
      expect({ seed, mismatched, divergences }).toEqual({ seed, mismatched: 0, divergences: [] });
      expect(compared).toBeGreaterThan(0);
    }
  });

  it('gives the same bytes for the same seed', () => {
    const bytes = [1, 1].map((seed, i) => {
      const env = scenarioEnv(scenario, { seed, policies: {}, switches: {}, platform: null });
      const store = new MemoryStore();
      const recorder = new Recorder(store.create(`${i}`), scenarioHeader(scenario, env, seed), env);
      runScenario(scenario, env, seed, (batch) => recorder.append(batch));
      recorder.finish();
      const source = store.open(`${i}`);
      return Buffer.from(source.read(0, source.sizeBytes)).toString('hex');
    });
    expect(bytes[0]).toBe(bytes[1]);
  });
});

describe('the scenarios', () => {
  it('have names of their own and expect rules that exist', () => {
    expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length);
    const known = new Set(rules.map(({ code }) => code));
    expect(scenarios.flatMap(({ expects }) => expects).filter((code) => !known.has(code))).toEqual([]);
  });
});
