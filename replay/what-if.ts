import type { EventSeq } from '../src/base/brand.js';
import { isInput, type TraceEvent } from '../src/events/catalogue.js';
import { Engine } from '../src/models/engine.js';
import type { Policies } from '../src/policy/axes.js';
import { Judge } from '../src/rules/judge.js';
import type { Finding } from '../src/rules/rule.js';
import type { Env } from '../src/state/env.js';
import { evolve, initialWorld } from '../src/state/world.js';
import { compareValues } from './compare.js';
import { renameInput } from './rename.js';

/** One input whose outcomes are not the recorded ones under the other design. */
export interface Change {
  readonly seq: EventSeq;
  readonly kind: string;
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

export interface WhatIf {
  readonly policies: Policies;
  readonly findings: readonly Finding[];
  /** Inputs whose outcomes differ. */
  readonly changed: number;
  readonly firstDivergence: Change | null;
}

/**
 * Re-decides the recorded inputs under other policies. Names follow their meaning: where the design changes Dom0's
 * numbering, Dom0's hypercalls carry its new numbers.
 * @param append Takes the events of the other run, for `-o`.
 */
export function whatIf(
  recorded: Env,
  policies: Policies,
  batches: Iterable<readonly TraceEvent[]>,
  append: (events: readonly TraceEvent[]) => void = () => {},
): WhatIf {
  const env: Env = { ...recorded, policies };
  const engine = new Engine(env);
  const judge = new Judge(env);
  const world = initialWorld(recorded);
  let changed = 0;
  let firstDivergence: Change | null = null;
  let expected: TraceEvent[] = [];
  let actual: readonly TraceEvent[] = [];

  const settle = (): void => {
    const change = firstChange(expected, actual);
    if (change === null) return;
    changed += 1;
    firstDivergence ??= change;
  };

  for (const batch of batches) {
    for (const event of batch) {
      if (!isInput(event)) {
        expected.push(event);
        evolve(world, event, recorded);
        continue;
      }
      settle();
      const input = renameInput(event, { state: world, env: recorded }, { state: engine.state, env });
      actual = engine.step(input as never);
      for (const one of actual) judge.see(one);
      append(actual);
      expected = [event];
      evolve(world, event, recorded);
    }
  }
  settle();
  return { policies, findings: judge.findings, changed, firstDivergence };
}

/** Compares what followed from one input, by position; places in the log and causes differ and do not count. */
function firstChange(expected: readonly TraceEvent[], actual: readonly TraceEvent[]): Change | null {
  for (let i = 1; i < Math.max(expected.length, actual.length); i++) {
    const [one, other] = [expected[i], actual[i]];
    const at = { seq: (one ?? expected[0]!).seq, kind: (one ?? other)!.kind };
    if (one === undefined || other === undefined || one.kind !== other.kind) {
      return { ...at, field: 'kind', expected: one?.kind ?? null, actual: other?.kind ?? null };
    }
    const difference = compareValues(one.data, other.data, '');
    if (difference !== null) return { ...at, ...difference };
  }
  return null;
}
