import type { EventSeq, TraceNs } from '../src/base/brand.js';
import { type InputDraft, type InputEvent, isInput, type TraceEvent } from '../src/events/catalogue.js';
import { TURN_NS } from '../src/machine/machine.js';
import { Engine } from '../src/models/engine.js';
import type { Policies } from '../src/policy/axes.js';
import type { DeviceModel } from '../src/routing/device-model.js';
import { DeviceModels } from '../src/routing/device-models.js';
import { Judge } from '../src/rules/judge.js';
import type { Finding } from '../src/rules/rule.js';
import type { Env } from '../src/state/env.js';
import { evolve, initialWorld } from '../src/state/world.js';
import { compareValues } from './compare.js';
import { GistBook } from './gist.js';
import { LifeCycleBook, type LifeCycleStep, type StepReport, stepTitle } from './life-cycle.js';
import type { Reason } from './reason.js';
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
  /** The register of configuration space it reached for, `ssss:bb:dd.f+0xrr`; null for others. */
  readonly register: string | null;
  /** Which rule of the design chose who answers; null for what is no access. */
  readonly recordedReason: Reason | null;
  readonly variantReason: Reason | null;
}

export interface WhatIf {
  readonly policies: Policies;
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
}

/**
 * Re-decides the recorded inputs under other policies. Names follow their meaning: where the design changes Dom0's
 * numbering, Dom0's hypercalls carry its new numbers.
 */
export function whatIf(
  recorded: Env,
  policies: Policies,
  batches: Iterable<readonly TraceEvent[]>,
  options: WhatIfOptions = {},
): WhatIf {
  const run = new WhatIfRun(recorded, { ...recorded, policies }, options);
  for (const batch of batches) for (const event of batch) run.see(event);
  return run.end();
}

class WhatIfRun {
  readonly #recorded: Env;
  readonly #env: Env;
  readonly #append: (events: readonly TraceEvent[]) => void;
  /** Null: recorded answers stand. */
  readonly #servers: DeviceModels | null;
  /** Trace time of the variant. */
  #nowNs = 0;
  /** Place in the recording of the input being looked at, or of the access it belongs to. */
  #at = 0;
  #kind = '';
  readonly #engine: Engine;
  readonly #judge: Judge;
  readonly #world;
  readonly #before: GistBook;
  readonly #after: GistBook;
  /** Places in the variant of inputs that something may follow from later, to their places in the recording. */
  readonly #places = new Map<number, number>();
  /** Accesses spoken of since the last input. */
  #touched: (number | null)[] = [];
  readonly #lifeCycle: LifeCycleBook;
  readonly #steps: LifeCycleStep[] = [];
  /** Findings before the step at hand. */
  #findingsBefore = 0;
  #changed = 0;
  #first: Change | null = null;
  #expected: TraceEvent[] = [];
  #actual: readonly TraceEvent[] = [];

  constructor(recorded: Env, env: Env, { append, deviceModels }: WhatIfOptions) {
    this.#recorded = recorded;
    this.#env = env;
    this.#append = append ?? (() => {});
    this.#servers =
      deviceModels === undefined || deviceModels.length === 0 ? null : new DeviceModels(deviceModels);
    this.#engine = new Engine(env);
    this.#judge = new Judge(env);
    this.#lifeCycle = new LifeCycleBook(env);
    this.#world = initialWorld(recorded);
    this.#before = new GistBook(recorded.platform);
    this.#after = new GistBook(env.platform);
  }

  see(event: TraceEvent): void {
    if (isInput(event)) {
      this.#settle();
      this.#at = (isAnswer(event) ? this.#before.rootOf(event) : null) ?? event.seq;
      this.#kind = event.kind;
      this.#before.note(this.#at, event.kind, event, null);
      this.#beginStep(event);
      const answered = this.#servers !== null && isAnswer(event);
      this.#expected = answered ? [] : [event];
      this.#actual = answered ? [] : this.#decide(event, this.#at);
    } else {
      if (this.#expected.length > 0) this.#expected.push(event);
      this.#touched.push(this.#before.note(this.#at, this.#kind, event, null));
    }
    evolve(this.#world, event, this.#recorded);
  }

  /** Device models take the turns that are due before a recorded input; then the input is decided. */
  #decide(event: InputEvent, at: number): readonly TraceEvent[] {
    this.#serveUntil(event.atNs - TURN_NS);
    if (event.kind === 'io.requested') {
      // A virtual CPU that waits here for an answer it had at once in the recording makes its next access afterwards.
      const { domid, vcpu } = event.data;
      while (this.#engine.state.ioreq[domid]?.waiting[vcpu] !== undefined && this.#turn());
    }
    if (event.kind === 'io.requested') this.#places.set(this.#engine.nextSeq, event.seq);
    this.#nowNs = Math.max(this.#nowNs, event.atNs);
    const input = renameInput(
      event,
      { state: this.#world, env: this.#recorded },
      { state: this.#engine.state, env: this.#env },
    );
    return this.#step(this.#nowNs === input.atNs ? input : { ...input, atNs: this.#nowNs as TraceNs }, at);
  }

  #step(input: InputEvent | InputDraft, at: number): readonly TraceEvent[] {
    const events = this.#engine.step(input as InputDraft);
    for (const one of events) {
      this.#judge.see(one);
      this.#lifeCycle.see(one, this.#engine.state);
      this.#touched.push(this.#after.note(at, events[0]!.kind, one, this.#places));
    }
    this.#append(events);
    this.#servers?.see(events);
    return events;
  }

  #beginStep(event: InputEvent): void {
    const title = stepTitle(event);
    if (title === null) return;
    this.#lifeCycle.begin(event.seq, event, this.#engine.state, this.#newFindings());
    this.#steps.push({ seq: event.seq, title });
  }

  #newFindings(): readonly string[] {
    const codes = this.#judge.findings.slice(this.#findingsBefore).map(({ rule }) => rule);
    this.#findingsBefore = this.#judge.findings.length;
    return codes;
  }

  #serveUntil(atNs: number): void {
    while (this.#servers !== null && this.#servers.nextNs <= atNs) this.#turn();
  }

  /** One turn of a device model; false when none has one. */
  #turn(): boolean {
    const servers = this.#servers;
    if (servers === null || servers.nextNs === Number.POSITIVE_INFINITY) return false;
    this.#nowNs = Math.max(this.#nowNs, servers.nextNs) + TURN_NS;
    const turn = servers.take();
    if (turn === null) return true;
    const at = this.#after.rootOf({ cause: turn.cause ?? null }) ?? this.#at;
    this.#step({ ...turn, atNs: this.#nowNs as TraceNs } as InputDraft, at);
    return true;
  }

  end(): WhatIf {
    this.#serveUntil(Number.MAX_SAFE_INTEGER);
    this.#settle();
    this.#lifeCycle.end(this.#engine.state, this.#newFindings());
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
      policies: this.#env.policies,
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

/** What a device model did because of a request or of news: answers, and calls into Xen. */
const isAnswer = ({ kind, by, cause }: InputEvent): boolean =>
  kind === 'ioreq.served' ||
  kind === 'ioreq.drained' ||
  (kind === 'hypercall.issued' && cause !== null && by.startsWith('dm:'));

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
