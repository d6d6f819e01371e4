import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replay } from '../../replay/run/replayer.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { TraceReader } from '../../src/log/reader.js';
import { fileStore } from '../../src/log/stores/file-store.js';
import { type BehaviourName, hasBehaviour } from '../../src/policy/behaviours.js';
import { Judge } from '../../src/rules/judge.js';
import { scenarios } from '../../src/scenarios/index.js';
import { envOf } from '../../src/state/trace-env.js';

const root = resolve(import.meta.dirname, '../../traces/golden');
const releases = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const traces = releases.flatMap(({ name: release }) =>
  readdirSync(join(root, release))
    .filter((file) => file.endsWith('.xpr'))
    .map((file) => [`${release}/${file}`, join(root, release, file)] as const),
);

/** Rules about events that only traces with a change of behaviour have. */
const rulesSince: Readonly<Record<string, BehaviourName>> = {
  'IOM-007': 'vtd-translates',
  'IOM-008': 'vtd-translates',
  'IOM-009': 'vtd-translates',
};

const canBeFound = (rule: string, behaviour: readonly number[]): boolean =>
  rulesSince[rule] === undefined || hasBehaviour(behaviour, rulesSince[rule]);

function* batches(reader: TraceReader): Generator<readonly TraceEvent[]> {
  for (const block of reader.blocks()) yield block.events();
}

describe.each(traces)('%s', (_name, file) => {
  it('replays for ever: every outcome is decided again and equal', () => {
    const reader = TraceReader.open(fileStore.open(file));
    const { mismatched, compared, divergences } = replay(envOf(reader.header), batches(reader), { keep: 1 });
    reader.close();
    expect({ mismatched, divergences }).toEqual({ mismatched: 0, divergences: [] });
    expect(compared).toBeGreaterThan(0);
  });

  it('still gives the findings its scenario promises', () => {
    const reader = TraceReader.open(fileStore.open(file));
    const judge = new Judge(envOf(reader.header));
    for (const event of reader.readEvents()) judge.see(event);
    reader.close();
    const scenario = scenarios.find(({ name }) => name === reader.header.scenario);
    const behaviour = reader.header.behaviour ?? [];
    const { before } = scenario ?? {};
    const promised =
      before !== undefined && !hasBehaviour(behaviour, before.lacking) ? before.expects : scenario?.expects;
    const expected = promised?.filter((rule) => canBeFound(rule, behaviour));
    expect([...new Set(judge.findings.map(({ rule }) => rule))]).toEqual(expected);
  });
});

describe('the golden traces', () => {
  it('cover every scenario', () => {
    const covered = new Set(traces.map(([name]) => name.split('/')[1]!.replace(/\.xpr$/, '')));
    expect(scenarios.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
  });
});
