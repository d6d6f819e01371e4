import { Subject } from 'rxjs';
import type { TraceNs } from '../base/brand.js';
import { Trouble } from '../base/errors.js';
import { limits } from '../base/limits.js';
import type { InputDraft, TraceEvent } from '../events/catalogue.js';
import type { Deciders } from '../models/context.js';
import { Engine } from '../models/engine.js';
import type { Env } from '../state/env.js';
import { initialWorld, type ReadonlyWorld } from '../state/world.js';
import type { DeviceModel } from './device-model.js';
import { DeviceModels } from './device-models.js';
import { type InputBatch, pipeline } from './pipeline.js';

/** Trace time that one turn takes. */
export const TURN_NS = 1_000;

export interface TurnOptions {
  /** Device models: they take their turns when these are due, before anybody else. */
  readonly models?: readonly DeviceModel[] | undefined;
  /** Who decides; the models unless given. */
  readonly deciders?: Deciders | undefined;
  /** Turns after which a run counts as endless; `renew` starts counting anew. */
  readonly turnLimit?: number | undefined;
}

/**
 * The one scheduler's clock: whoever acts, a program of a machine, a device model or a recording played again, takes a
 * turn here, and its input goes through the pipeline. No timers: trace time goes on by turns and by waiting.
 */
export class Turns {
  readonly #engine: Engine;
  readonly #servers: DeviceModels;
  readonly #inputs = new Subject<InputBatch>();
  readonly #limit: number;
  #taken = 0;
  #nowNs = 0;
  #followed: readonly TraceEvent[] = [];
  #failure: { readonly error: unknown } | null = null;

  /** @param append Takes the events of each turn in log order. */
  constructor(
    env: Env,
    append: (events: readonly TraceEvent[]) => void,
    { models = [], deciders, turnLimit = limits.turns }: TurnOptions = {},
  ) {
    this.#engine = new Engine(env, initialWorld(env), 0, deciders);
    this.#servers = new DeviceModels(models);
    this.#limit = turnLimit;
    pipeline(this.#inputs, this.#engine, append).subscribe({
      next: (events) => {
        this.#followed = events;
      },
      error: (error: unknown) => {
        this.#failure = { error };
      },
    });
  }

  get state(): ReadonlyWorld {
    return this.#engine.state;
  }

  /** Place of the next event. */
  get nextSeq(): number {
    return this.#engine.nextSeq;
  }

  get nowNs(): number {
    return this.#nowNs;
  }

  /** When the next device model is due; infinity when none has anything to do. */
  get dueNs(): number {
    return this.#servers.nextNs;
  }

  /** Somebody outside, who has an end, gives the next input: turns are counted anew. */
  renew(): void {
    this.#taken = 0;
  }

  /** Lets trace time pass. */
  waitUntil(atNs: number): void {
    this.#nowNs = Math.max(this.#nowNs, atNs);
    this.#count();
  }

  /**
   * Takes a turn. An input with a time of its own happens then, or now if that has passed.
   * @returns The input and everything that follows from it.
   * @throws {Trouble} RUN-001 when a model gives way, RUN-003 when the run does not end
   */
  take(draft: InputDraft): readonly TraceEvent[] {
    this.#count();
    this.#nowNs = draft.atNs === undefined ? this.#nowNs + TURN_NS : Math.max(this.#nowNs, draft.atNs);
    this.#inputs.next([{ ...draft, atNs: this.#nowNs as TraceNs }]);
    if (this.#failure !== null) throw this.#failure.error;
    this.#servers.see(this.#followed);
    return this.#followed;
  }

  /** Lets the device model that is due take its turn; null when it has gone meanwhile. @throws {Trouble} as `take` */
  serve(): readonly TraceEvent[] | null {
    this.#count();
    const draft = this.#servers.take();
    return draft === null ? null : this.take(draft);
  }

  #count(): void {
    this.#taken += 1;
    if (this.#taken <= this.#limit) return;
    throw new Trouble('RUN-003', 'the run does not end', {
      at: { path: `#${this.nextSeq}` },
      expected: `an end after at most ${this.#limit} turns`,
      actual: `${this.#nowNs} ns of trace time, and still somebody acts`,
      hint: 'somebody waits for what never comes; xpr show of a shorter run says who',
    });
  }
}
