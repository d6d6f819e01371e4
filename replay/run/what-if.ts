import type { EventSeq } from '../../src/base/brand.js';
import { brokeOff } from '../../src/events/broke-off.js';
import { type InputEvent, isInput, type TraceEvent } from '../../src/events/catalogue.js';
import type { DeviceModel } from '../../src/machine/device-model.js';
import type { Deciders } from '../../src/models/context.js';
import type { Policies } from '../../src/policy/axes.js';
import type { ChangeName } from '../../src/policy/has.js';
import type { Switches } from '../../src/policy/switches.js';
import { Judge } from '../../src/rules/judge.js';
import type { Finding } from '../../src/rules/rule.js';
import type { Env } from '../../src/state/env.js';
import { GistBook } from '../explain/gist.js';
import { LifeCycleBook, type LifeCycleStep, type StepReport, stepTitle } from '../explain/life-cycle.js';
import type { Reason } from '../explain/reason.js';
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

/** An access whose owner, value or interrupt differs, in one line for each run. */
export interface AccessChange {
  readonly seq: number;
  readonly recorded: string;
  readonly variant: string;
  /** The register of configuration space it reached for, `ssss:bb:dd.f+0xrr`; null for others. */
  readonly register: string | null;
  /** Which rule of the design chose who answers; null for what is no access. */
  readonly recordedReason: Reason | null;
  readonly variantReason: Reason | null;
}

export interface WhatIf {
  /** Recorded events looked at. */
  readonly events: number;
  readonly policies: Policies;
  readonly switches: Switches;
  readonly findings: readonly Finding[];
  /** Inputs whose outcomes differ. */
  readonly changed: number;
  readonly firstDivergence: Change | null;
  readonly accesses: readonly AccessChange[];
  /** Commands of the toolstack, and what happens between them, as this design has them. */
  readonly steps: readonly (LifeCycleStep & { readonly report: StepReport })[];
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
  const run = new WhatIfRun(recorded, otherEnv(recorded, policies, options), options);
  for (const batch of batches) {
    for (const event of batch) {
      try {
        run.see(event);
      } catch (error) {
        throw brokeOff(error, 'what-if', event);
      }
    }
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
  readonly #before: GistBook;
  readonly #after: GistBook;
  readonly #lifeCycle: LifeCycleBook;
  readonly #steps: LifeCycleStep[] = [];
  /** Place in the recording of the input being looked at, or of the access it belongs to. */
  #at = 0;
  #kind = '';
  /** Accesses spoken of since the last input. */
  #touched: (number | null)[] = [];
  /** Findings before the step at hand. */
  #findingsBefore = 0;
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
    this.#judge = new Judge(env);
    this.#lifeCycle = new LifeCycleBook(env);
    this.#before = new GistBook(recorded.platform);
    this.#after = new GistBook(env.platform);
  }

  see(event: TraceEvent): void {
    if (isInput(event)) this.#begin(event);
    else {
      if (this.#expected.length > 0) this.#expected.push(event);
      this.#touched.push(this.#before.note(this.#at, this.#kind, event, null));
    }
    if (this.#rerun.see(event)) this.#expected = [event];
    this.#events += 1;
  }

  #begin(input: InputEvent): void {
    this.#settle();
    this.#at = (isAnswer(input) ? this.#before.rootOf(input) : null) ?? input.seq;
    this.#kind = input.kind;
    this.#before.note(this.#at, input.kind, input, null);
    this.#beginStep(input);
    [this.#expected, this.#actual] = [[], []];
  }

  /** A turn of the other run: of a recorded input, or of a device model. */
  #followed(events: readonly TraceEvent[], input: InputEvent | null): void {
    if (input !== null) this.#actual = events;
    const { kind, cause } = events[0]!;
    const at = (input === null ? this.#after.rootOf({ cause }) : null) ?? this.#at;
    for (const one of events) {
      this.#judge.see(one);
      this.#lifeCycle.see(one, this.#rerun.state);
      this.#touched.push(this.#after.note(at, kind, one, (seq) => this.#rerun.placeOf(seq)));
    }
    this.#append(events);
  }

  #beginStep(event: InputEvent): void {
    const title = stepTitle(event);
    if (title === null) return;
    this.#lifeCycle.begin(event.seq, event, this.#rerun.state, this.#newFindings());
    this.#steps.push({ seq: event.seq, title });
  }

  #newFindings(): readonly string[] {
    const codes = this.#judge.findings.slice(this.#findingsBefore).map(({ rule }) => rule);
    this.#findingsBefore = this.#judge.findings.length;
    return codes;
  }

  end(): WhatIf {
    this.#rerun.end();
    this.#settle();
    this.#lifeCycle.end(this.#rerun.state, this.#newFindings());
    const places = new Set([...this.#before.accesses(), ...this.#after.accesses()]);
    const accesses = [...places]
      .sort((a, b) => a - b)
      .map((seq) => ({
        seq,
        recorded: this.#before.about(seq),
        variant: this.#after.about(seq),
        register: this.#before.register(seq) ?? this.#after.register(seq),
        recordedReason: this.#before.why(seq),
        variantReason: this.#after.why(seq),
      }))
      .filter(({ recorded, variant }) => recorded !== variant);
    return {
      events: this.#events,
      policies: this.#env.policies,
      switches: this.#env.switches,
      findings: this.#judge.findings,
      changed: this.#changed,
      firstDivergence: this.#first,
      accesses,
      steps: this.#steps.map((step) => ({ ...step, report: this.#lifeCycle.reportOf(step.seq)! })),
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
