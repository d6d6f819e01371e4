import type { EventSeq } from '../../src/base/brand.js';
import { limits } from '../../src/base/limits.js';
import { brokeOff } from '../../src/events/broke-off.js';
import { type InputEvent, isInput, type TraceEvent } from '../../src/events/catalogue.js';
import type { DeviceModel } from '../../src/machine/device-model.js';
import type { Deciders } from '../../src/models/context.js';
import type { Policies } from '../../src/policy/axes.js';
import type { ChangeName } from '../../src/policy/has.js';
import type { Switches } from '../../src/policy/switches.js';
import type { Findings } from '../../src/rules/finding-book.js';
import { Judge } from '../../src/rules/judge.js';
import type { Finding } from '../../src/rules/rule.js';
import type { Env } from '../../src/state/env.js';
import { AccessBook, type AccessChange } from '../explain/access-book.js';
import { LifeCycleBook, type LifeCycleStep, type StepReport, stepTitle } from '../explain/life-cycle.js';
import { compareValues } from './compare.js';
import { isAnswer, Rerun } from './rerun.js';

/** One input whose outcomes are not the recorded ones under the other design. */
export interface Change {
  readonly seq: EventSeq;
  readonly kind: string;
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

export interface WhatIf {
  /** Recorded events looked at. */
  readonly events: number;
  readonly policies: Policies;
  readonly switches: Switches;
  /** The findings that are told, and all of them counted. */
  readonly findings: readonly Finding[];
  readonly found: Findings;
  /** Inputs whose outcomes differ. */
  readonly changed: number;
  readonly firstDivergence: Change | null;
  /** Accesses that differ: the first, by place, and how many there are in all. */
  readonly accesses: readonly AccessChange[];
  readonly changedAccesses: number;
  /** Commands of the toolstack, and what happens between them, as this design has them: the first of `stepsInAll`. */
  readonly steps: readonly (LifeCycleStep & { readonly report: StepReport })[];
  readonly stepsInAll: number;
}

export interface WhatIfOptions {
  /** Takes the events of the other run, for `-o`. */
  readonly append?: (events: readonly TraceEvent[]) => void;
  /**
   * The recording's device models. Recorded answers belong to the recorded design, in which other servers may have been
   * asked: with the models at hand they answer anew, without them the recorded answers stand.
   */
  readonly deviceModels?: readonly DeviceModel[];
  /** Releases to run under; those of the recording unless given. */
  readonly switches?: Switches | undefined;
  /** Changes of releases to take the other way than the releases have them, to see what they do. */
  readonly toggled?: ReadonlySet<ChangeName> | undefined;
  /** Who decides anew; the models unless given. */
  readonly deciders?: Deciders | undefined;
}

/**
 * Re-decides the recorded inputs under other policies. Names follow their meaning: where the design changes Dom0's
 * numbering, Dom0's hypercalls carry its new numbers.
 * @throws {Trouble} RUN-001 when a model, rule or comparison gives way, RUN-003 when device models do not come to rest
 */
export function whatIf(
  recorded: Env,
  policies: Policies,
  batches: Iterable<readonly TraceEvent[]>,
  options: WhatIfOptions = {},
): WhatIf {
  const turns = whatIfTurns(recorded, policies, batches, options);
  for (;;) {
    const turn = turns.next();
    if (turn.done === true) return turn.value;
  }
}

/** The same, batch by batch, for who has other work to do in between. @throws as `whatIf` */
export function* whatIfTurns(
  recorded: Env,
  policies: Policies,
  batches: Iterable<readonly TraceEvent[]>,
  options: WhatIfOptions = {},
): Generator<void, WhatIf> {
  const run = new WhatIfRun(recorded, otherEnv(recorded, policies, options), options);
  for (const batch of batches) {
    for (const event of batch) {
      try {
        run.see(event);
      } catch (error) {
        throw brokeOff(error, 'what-if', event);
      }
    }
    yield;
  }
  return run.end();
}

function otherEnv(recorded: Env, policies: Policies, { switches, toggled }: WhatIfOptions): Env {
  const env = { ...recorded, policies, switches: switches ?? recorded.switches };
  return toggled === undefined ? env : { ...env, toggled };
}

class WhatIfRun {
  readonly #env: Env;
  readonly #append: (events: readonly TraceEvent[]) => void;
  readonly #rerun: Rerun;
  readonly #judge: Judge;
  readonly #accesses: AccessBook;
  readonly #lifeCycle: LifeCycleBook;
  readonly #steps: LifeCycleStep[] = [];
  #stepsInAll = 0;
  /** Place in the recording of the input being looked at, or of the access it belongs to. */
  #at = 0;
  #kind = '';
  /** Rules broken in the step at hand. */
  #broken = new Set<string>();
  #events = 0;
  #changed = 0;
  #first: Change | null = null;
  #expected: TraceEvent[] = [];
  #actual: readonly TraceEvent[] = [];

  constructor(recorded: Env, env: Env, { append, deviceModels, deciders }: WhatIfOptions) {
    this.#env = env;
    this.#append = append ?? (() => {});
    const options = { models: deviceModels, deciders };
    this.#rerun = new Rerun(recorded, env, (events, input) => this.#followed(events, input), options);
    this.#judge = new Judge(env, { each: ({ rule }) => this.#broken.add(rule) });
    this.#lifeCycle = new LifeCycleBook(env);
    this.#accesses = new AccessBook(recorded.platform, env.platform);
  }

  see(event: TraceEvent): void {
    if (isInput(event)) this.#begin(event);
    else {
      if (this.#expected.length > 0) this.#expected.push(event);
      this.#accesses.noteBefore(this.#at, this.#kind, event);
    }
    if (this.#rerun.see(event)) this.#expected = [event];
    this.#events += 1;
  }

  #begin(input: InputEvent): void {
    this.#settle();
    this.#at = (isAnswer(input) ? this.#accesses.before.rootOf(input) : null) ?? input.seq;
    this.#kind = input.kind;
    this.#accesses.noteBefore(this.#at, input.kind, input);
    this.#beginStep(input);
    [this.#expected, this.#actual] = [[], []];
  }

  /** A turn of the other run: of a recorded input, or of a device model. */
  #followed(events: readonly TraceEvent[], input: InputEvent | null): void {
    if (input !== null) this.#actual = events;
    const { kind, cause } = events[0]!;
    const at = (input === null ? this.#accesses.after.rootOf({ cause }) : null) ?? this.#at;
    for (const one of events) {
      this.#judge.see(one);
      this.#lifeCycle.see(one, this.#rerun.state);
      this.#accesses.noteAfter(at, kind, one, (seq) => this.#rerun.placeOf(seq));
    }
    this.#append(events);
  }

  #beginStep(event: InputEvent): void {
    const title = stepTitle(event);
    if (title === null) return;
    this.#lifeCycle.begin(event.seq, event, this.#rerun.state, this.#newFindings());
    this.#stepsInAll += 1;
    if (this.#steps.length < limits.whatIfSteps) this.#steps.push({ seq: event.seq, title });
  }

  #newFindings(): readonly string[] {
    const codes = [...this.#broken];
    this.#broken = new Set();
    return codes;
  }

  end(): WhatIf {
    this.#rerun.end();
    this.#settle();
    this.#lifeCycle.end(this.#rerun.state, this.#newFindings());
    return {
      events: this.#events,
      policies: this.#env.policies,
      switches: this.#env.switches,
      findings: this.#judge.findings,
      found: this.#judge.found,
      changed: this.#changed,
      firstDivergence: this.#first,
      ...this.#accesses.changes(),
      stepsInAll: this.#stepsInAll,
      steps: this.#steps.map((step) => ({ ...step, report: this.#lifeCycle.reportOf(step.seq)! })),
    };
  }

  #settle(): void {
    this.#accesses.settle();
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
