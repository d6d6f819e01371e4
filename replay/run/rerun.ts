import type { EventSeq } from '../../src/base/brand.js';
import { type InputDraft, type InputEvent, isInput, type TraceEvent } from '../../src/events/catalogue.js';
import { TURN_NS, type TurnOptions, Turns } from '../../src/machine/turns.js';
import type { Env } from '../../src/state/env.js';
import { evolve, initialWorld, type ReadonlyWorld } from '../../src/state/world.js';
import { Places } from './places.js';
import { renameInput } from './rename.js';

/** Takes the events of a turn of the other run; `input` is the recorded input played, null for a device model's turn. */
export type Followed = (events: readonly TraceEvent[], input: InputEvent | null) => void;

/**
 * Plays the inputs of a recording in a run that goes otherwise, on the scheduler of a live machine. Names follow their
 * meaning, causes the events they name, and time goes on where the other run is slower. Device models at hand take
 * their turns when these are due and answer anew; without them recorded answers stand.
 */
export class Rerun {
  readonly #recorded: Env;
  readonly #env: Env;
  readonly #followed: Followed;
  readonly #turns: Turns;
  readonly #answersAnew: boolean;
  readonly #world;
  /** From places in the recording to places here, and back. */
  readonly #here = new Places();
  readonly #there = new Places();
  #pairs = new Pairs([]);

  constructor(recorded: Env, env: Env, followed: Followed, options: TurnOptions = {}) {
    this.#recorded = recorded;
    this.#env = env;
    this.#followed = followed;
    this.#turns = new Turns(env, () => {}, options);
    this.#answersAnew = (options.models ?? []).length > 0;
    this.#world = initialWorld(recorded);
  }

  /** State of the other run. */
  get state(): ReadonlyWorld {
    return this.#turns.state;
  }

  /** The place in the recording of an input played here; null for one nobody remembers. */
  placeOf(seq: number): number | null {
    return this.#there.of(seq);
  }

  /**
   * Takes the next event of the recording.
   * @returns Whether it was played: false for outcomes, and for answers that device models at hand give anew.
   * @throws {Trouble} RUN-001 when a model gives way, RUN-003 when device models do not come to rest
   */
  see(event: TraceEvent): boolean {
    const isPlayed = isInput(event) && !(this.#answersAnew && isAnswer(event));
    if (isPlayed) this.#play(event);
    else if (isInput(event)) this.#begin(event, []);
    else this.#here.note(event.seq, this.#pairs.next(event.kind));
    evolve(this.#world, event, this.#recorded);
    return isPlayed;
  }

  /** Device models finish what they have begun. */
  end(): void {
    this.#serveUntil(Number.MAX_SAFE_INTEGER);
  }

  #play(input: InputEvent): void {
    this.#turns.renew();
    this.#serveUntil(input.atNs - TURN_NS);
    if (input.kind === 'io.requested') {
      // A virtual CPU that waits here for an answer it had at once in the recording makes its next access afterwards.
      const { domid, vcpu } = input.data;
      while (this.#turns.state.ioreq[domid]?.waiting[vcpu] !== undefined && this.#serve());
    }
    const views = [
      { state: this.#world, env: this.#recorded },
      { state: this.#turns.state, env: this.#env },
    ] as const;
    const { seq: _seq, ...renamed } = renameInput(input, ...views);
    const cause = input.cause === null ? null : (this.#here.of(input.cause) as EventSeq | null);
    this.#there.note(this.#turns.nextSeq, input.seq);
    const events = this.#turns.take({ ...renamed, cause } as InputDraft);
    this.#begin(input, events);
    this.#followed(events, input);
  }

  #begin(input: InputEvent, events: readonly TraceEvent[]): void {
    this.#pairs = new Pairs(events);
    this.#here.note(input.seq, events[0]?.seq ?? null);
  }

  #serveUntil(atNs: number): void {
    while (this.#turns.dueNs <= atNs) this.#serve();
  }

  /** One turn of a device model; false when none has one. */
  #serve(): boolean {
    if (this.#turns.dueNs === Number.POSITIVE_INFINITY) return false;
    this.#turns.waitUntil(this.#turns.dueNs);
    const events = this.#turns.serve();
    if (events === null) return true;
    this.#followed(events, null);
    return true;
  }
}

/** What a device model did because of a request or of news: answers, and calls into Xen. */
export const isAnswer = ({ kind, by, cause }: InputEvent): boolean =>
  kind === 'ioreq.served' ||
  kind === 'ioreq.drained' ||
  (kind === 'hypercall.issued' && cause !== null && by.startsWith('dm:'));

/** Pairs the recorded outcomes of an input with what followed from it here: of each kind the first with the first. */
class Pairs {
  readonly #events: readonly TraceEvent[];
  #at = 1;
  /** Places not yet paired, by kind; null while both runs go side by side. */
  #left: Map<string, number[]> | null = null;

  /** @param events The input, then its outcomes. */
  constructor(events: readonly TraceEvent[]) {
    this.#events = events;
  }

  /** The place here of the recording's next outcome; null where nothing stands for it. */
  next(kind: string): number | null {
    const beside = this.#events[this.#at];
    if (this.#left === null && beside?.kind === kind) {
      this.#at += 1;
      return beside.seq;
    }
    this.#left ??= this.#byKind();
    return this.#left.get(kind)?.pop() ?? null;
  }

  /** The last first, so that taking one out costs nothing. */
  #byKind(): Map<string, number[]> {
    const left = new Map<string, number[]>();
    for (let i = this.#events.length - 1; i >= this.#at; i--) {
      const { kind, seq } = this.#events[i]!;
      const list = left.get(kind) ?? [];
      list.push(seq);
      left.set(kind, list);
    }
    return left;
  }
}
