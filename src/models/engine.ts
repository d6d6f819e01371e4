import type { EventSeq, TraceNs } from '../base/brand.js';
import { brokeOff } from '../events/broke-off.js';
import type { Actor, DataOf, InputDraft, InputEvent, OutcomeKind, TraceEvent } from '../events/catalogue.js';
import type { Env } from '../state/env.js';
import { evolve, initialWorld, type World } from '../state/world.js';
import type { Context, Decider, Deciders } from './context.js';
import { deciders as allDeciders } from './deciders.js';
import { Stopped } from './stopped.js';

/**
 * The one step every run is made of: fold an input, decide, fold what was decided. Recording and replaying both feed
 * it; it neither knows nor cares where inputs come from.
 */
export class Engine implements Context {
  readonly env: Env;
  readonly #deciders: Deciders;
  #world: World;
  #nextSeq: number;
  #out: TraceEvent[] = [];
  #input: InputEvent | null = null;

  /**
   * @param world State before the first input; taken over and mutated.
   * @param deciders Who decides what follows; the models unless given.
   */
  constructor(env: Env, world: World = initialWorld(env), nextSeq = 0, deciders: Deciders = allDeciders) {
    this.env = env;
    this.#deciders = deciders;
    this.#world = world;
    this.#nextSeq = nextSeq;
  }

  get state(): World {
    return this.#world;
  }

  get nextSeq(): EventSeq {
    return this.#nextSeq as EventSeq;
  }

  /** Takes one input at the next free place and returns it with everything that follows from it, in order. */
  step(draft: InputDraft): TraceEvent[] {
    return this.retrace({
      seq: this.#nextSeq as EventSeq,
      atNs: draft.atNs ?? (0 as TraceNs),
      kind: draft.kind,
      origin: draft.origin ?? 'simulated',
      by: draft.by,
      cause: draft.cause ?? null,
      data: draft.data,
    } as InputEvent);
  }

  /**
   * The same for an input of a log, which keeps its place: what follows is numbered from there.
   * @throws {Trouble} RUN-001 when a decider or a reducer gives way
   */
  retrace(input: InputEvent): TraceEvent[] {
    this.#out = [input];
    this.#nextSeq = input.seq + 1;
    this.#input = input;
    evolve(this.#world, input, this.env);
    // A world whose Xen has stopped takes no further decisions.
    if (this.#world.xen.panicked !== null) return this.#out;
    try {
      (this.#deciders[input.kind] as Decider<typeof input.kind>)(this, input as never);
    } catch (error) {
      if (error instanceof Stopped) return this.#out;
      throw brokeOff(error, 'the decider', input);
    }
    return this.#out;
  }

  emit<K extends OutcomeKind>(by: Actor, kind: K, data: DataOf<K>, cause?: EventSeq): EventSeq {
    const input = this.#input!;
    const seq = this.#nextSeq++ as EventSeq;
    const event = {
      seq,
      atNs: input.atNs,
      kind,
      origin: 'simulated',
      by,
      cause: cause ?? input.seq,
      data,
    } as unknown as TraceEvent;
    this.#out.push(event);
    evolve(this.#world, event, this.env);
    return seq;
  }
}
