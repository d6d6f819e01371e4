import type { EventSeq } from '../src/base/brand.js';
import { isInput, type TraceEvent } from '../src/events/catalogue.js';
import { Engine } from '../src/models/engine.js';
import type { Policies } from '../src/policy/axes.js';
import { Judge } from '../src/rules/judge.js';
import type { Finding } from '../src/rules/rule.js';
import type { Env } from '../src/state/env.js';
import { evolve, initialWorld } from '../src/state/world.js';
import { compareValues } from './compare.js';
import { GistBook } from './gist.js';
import { renameInput } from './rename.js';

/** One input whose outcomes are not the recorded ones under the other design. */
export interface Change {
  readonly seq: EventSeq;
  readonly kind: string;
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** An access whose owner, value or interrupt differs, in one line for each run. */
export interface AccessChange {
  readonly seq: number;
  readonly recorded: string;
  readonly variant: string;
}

export interface WhatIf {
  readonly policies: Policies;
  readonly findings: readonly Finding[];
  /** Inputs whose outcomes differ. */
  readonly changed: number;
  readonly firstDivergence: Change | null;
  readonly accesses: readonly AccessChange[];
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
  const run = new WhatIfRun(recorded, { ...recorded, policies }, append);
  for (const batch of batches) for (const event of batch) run.see(event);
  return run.end();
}

class WhatIfRun {
  readonly #recorded: Env;
  readonly #env: Env;
  readonly #append: (events: readonly TraceEvent[]) => void;
  readonly #engine: Engine;
  readonly #judge: Judge;
  readonly #world;
  readonly #before: GistBook;
  readonly #after: GistBook;
  /** Places in the variant of accesses that may be answered later, to their places in the recording. */
  readonly #places = new Map<number, number>();
  /** Accesses spoken of since the last input. */
  #touched: (number | null)[] = [];
  #changed = 0;
  #first: Change | null = null;
  #expected: TraceEvent[] = [];
  #actual: readonly TraceEvent[] = [];

  constructor(recorded: Env, env: Env, append: (events: readonly TraceEvent[]) => void) {
    this.#recorded = recorded;
    this.#env = env;
    this.#append = append;
    this.#engine = new Engine(env);
    this.#judge = new Judge(env);
    this.#world = initialWorld(recorded);
    this.#before = new GistBook(recorded.platform);
    this.#after = new GistBook(env.platform);
  }

  see(event: TraceEvent): void {
    if (isInput(event)) {
      this.#settle();
      const input = renameInput(
        event,
        { state: this.#world, env: this.#recorded },
        { state: this.#engine.state, env: this.#env },
      );
      if (event.kind === 'io.requested') this.#places.set(this.#engine.nextSeq, event.seq);
      this.#actual = this.#engine.step(input as never);
      for (const one of this.#actual) {
        this.#judge.see(one);
        this.#touched.push(this.#after.note(event.seq, one, this.#places));
      }
      this.#append(this.#actual);
      this.#expected = [event];
    } else {
      this.#expected.push(event);
      this.#touched.push(this.#before.note(this.#expected[0]!.seq, event, null));
    }
    evolve(this.#world, event, this.#recorded);
  }

  end(): WhatIf {
    this.#settle();
    const places = new Set([...this.#before.accesses(), ...this.#after.accesses()]);
    const accesses = [...places]
      .sort((a, b) => a - b)
      .map((seq) => ({ seq, recorded: this.#before.about(seq), variant: this.#after.about(seq) }))
      .filter(({ recorded, variant }) => recorded !== variant);
    return {
      policies: this.#env.policies,
      findings: this.#judge.findings,
      changed: this.#changed,
      firstDivergence: this.#first,
      accesses,
    };
  }

  #settle(): void {
    for (const access of this.#touched) {
      if (access === null || this.#before.about(access) !== this.#after.about(access)) continue;
      this.#before.forget(access);
      this.#after.forget(access);
    }
    this.#touched = [];
    const change = firstChange(this.#expected, this.#actual);
    if (change === null) return;
    this.#changed += 1;
    this.#first ??= change;
  }
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
