import { from } from 'rxjs';
import type { EventSeq } from '../../src/base/brand.js';
import { brokeOff } from '../../src/events/broke-off.js';
import { type InputEvent, isInput, type TraceEvent } from '../../src/events/catalogue.js';
import { drain } from '../../src/machine/pipeline.js';
import type { Deciders } from '../../src/models/context.js';
import { Engine } from '../../src/models/engine.js';
import type { Env } from '../../src/state/env.js';
import { initialWorld, type World } from '../../src/state/world.js';
import { compareOutcomes } from './compare.js';

/** Where a re-decided outcome first was not what the log holds. */
export interface Divergence {
  /** The recorded outcome; the input when an outcome is missing from the log. */
  readonly seq: EventSeq;
  readonly input: EventSeq;
  readonly kind: string;
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
  /** From the event up to the input it follows from. */
  readonly causes: readonly EventSeq[];
}

export interface ReplayResult {
  readonly events: number;
  readonly inputs: number;
  readonly compared: number;
  readonly matched: number;
  readonly mismatched: number;
  /** Recorded outcomes that no model decides. */
  readonly unmodelled: number;
  readonly divergences: readonly Divergence[];
  readonly world: World;
}

export interface ReplayOptions {
  /** Divergences to keep; counting goes on behind them. */
  readonly keep: number;
  /** Recorded events whose outcome counts; all unless given. What does not count is compared and then passed over. */
  readonly counts?: (event: TraceEvent) => boolean;
  /** Who decides anew; the models unless given. */
  readonly deciders?: Deciders | undefined;
}

/**
 * Feeds the recorded inputs, in order, to the models and compares every outcome. One pass; memory does not grow with
 * the log. The recorded batches are the source of the same pipeline a live machine feeds.
 * @throws {Trouble} RUN-001 when a model gives way; what `batches` throws
 */
export function replay(
  env: Env,
  batches: Iterable<readonly TraceEvent[]>,
  options: ReplayOptions,
): ReplayResult {
  const run = new Replay(env, options);
  drain(from(batches), (batch) => run.take(batch));
  return run.end();
}

class Replay {
  readonly #engine: Engine;
  readonly #keep: number;
  readonly #counts: (event: TraceEvent) => boolean;
  readonly #divergences: Divergence[] = [];
  #events = 0;
  #inputs = 0;
  #compared = 0;
  #matched = 0;
  #mismatched = 0;
  #unmodelled = 0;
  /** What the models decided for the current input (the input itself first) and how far the log has confirmed it. */
  #decided: readonly TraceEvent[] = [];
  #confirmed = 1;
  #input: InputEvent | null = null;

  constructor(env: Env, { keep, counts, deciders }: ReplayOptions) {
    this.#engine = new Engine(env, initialWorld(env), 0, deciders);
    this.#keep = keep;
    this.#counts = counts ?? (() => true);
  }

  take(batch: readonly TraceEvent[]): void {
    for (const event of batch) {
      if (isInput(event)) this.#begin(event);
      else this.#confirm(event);
      this.#events += 1;
    }
  }

  end(): ReplayResult {
    this.#close();
    return {
      events: this.#events,
      inputs: this.#inputs,
      compared: this.#compared,
      matched: this.#matched,
      mismatched: this.#mismatched,
      unmodelled: this.#unmodelled,
      divergences: this.#divergences,
      world: this.#engine.state,
    };
  }

  #begin(input: InputEvent): void {
    this.#close();
    this.#inputs += 1;
    this.#input = input;
    this.#decided = this.#engine.retrace(input);
    this.#confirmed = 1;
  }

  #confirm(recorded: TraceEvent): void {
    this.#compared += 1;
    const input = this.#input;
    const actual = this.#nextDecided(recorded);
    if (input === null || actual === undefined) {
      if (recorded.origin === 'observed') this.#unmodelled += 1;
      else this.#diverge(recorded, 'outcome', recorded.kind, null);
      return;
    }
    const difference = differenceOf(recorded, actual);
    if (difference === null) this.#matched += 1;
    else this.#diverge(recorded, difference.field, difference.expected, difference.actual);
  }

  /**
   * The decided outcome a recorded one stands against. Of a real system only some outcomes are visible, so there the
   * next one of the same kind; of a simulated one all, so simply the next.
   */
  #nextDecided(recorded: TraceEvent): TraceEvent | undefined {
    if (recorded.origin !== 'observed') return this.#decided[this.#confirmed++];
    while (this.#confirmed < this.#decided.length) {
      const candidate = this.#decided[this.#confirmed++]!;
      if (candidate.kind === recorded.kind) return { ...candidate, cause: recorded.cause, by: recorded.by };
    }
    return undefined;
  }

  /** Before the next input: whatever was decided and not recorded is a divergence too, unless nobody could see it. */
  #close(): void {
    const input = this.#input;
    if (input === null || input.origin === 'observed') return;
    for (; this.#confirmed < this.#decided.length; this.#confirmed++) {
      this.#compared += 1;
      this.#diverge(input, 'outcome', null, this.#decided[this.#confirmed]!.kind);
    }
  }

  #diverge(at: TraceEvent, field: string, expected: unknown, actual: unknown): void {
    if (!this.#counts(at)) return;
    this.#mismatched += 1;
    if (this.#divergences.length >= this.#keep) return;
    const input = this.#input?.seq ?? at.seq;
    const causes: EventSeq[] = [];
    if (at.cause !== null && at.cause !== input) causes.push(at.cause);
    if (at.seq !== input) causes.push(input);
    this.#divergences.push({ seq: at.seq, input, kind: at.kind, field, expected, actual, causes });
  }
}

function differenceOf(recorded: TraceEvent, actual: TraceEvent): ReturnType<typeof compareOutcomes> {
  try {
    return compareOutcomes(recorded, actual);
  } catch (error) {
    throw brokeOff(error, 'the comparison', recorded);
  }
}
