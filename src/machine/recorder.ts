import { allProcessed } from '../events/broke-off.js';
import type { TraceEvent } from '../events/catalogue.js';
import type { Provenance, TraceHeader } from '../log/header.js';
import type { TraceTarget } from '../log/stores/store.js';
import { TraceWriter, type WrittenTrace } from '../log/writer.js';
import type { Env } from '../state/env.js';
import { storedWorld } from '../state/stored.js';
import { evolve, initialWorld, type World } from '../state/world.js';

/** Events between two snapshots of state: seeking folds at most that many. */
const SNAPSHOT_EVENTS = 8_192;

/**
 * Writes events to a trace with snapshots of the state they fold into. Holds a world of its own: the models are a
 * whole input ahead when a block ends in the middle of its outcomes.
 */
export class Recorder {
  readonly #env: Env;
  readonly #world: World;
  readonly #writer: TraceWriter;
  #snapshotAt = SNAPSHOT_EVENTS;
  #events = 0;

  constructor(target: TraceTarget, header: TraceHeader, env: Env) {
    this.#env = env;
    this.#world = initialWorld(env);
    this.#writer = new TraceWriter(target, header, {
      snapshot: (nextSeq) => {
        if (nextSeq < this.#snapshotAt) return null;
        this.#snapshotAt = nextSeq + SNAPSHOT_EVENTS;
        return storedWorld(this.#world, this.#env);
      },
    });
  }

  append(events: readonly TraceEvent[]): void {
    for (const event of events) {
      evolve(this.#world, event, this.#env);
      this.#writer.append(event);
      this.#events += 1;
    }
  }

  /**
   * Ends the trace.
   * @param events How many it has to hold, as its source counted them; those appended unless given.
   * @param sources The files it was made of.
   * @throws {Trouble} RUN-002 when it does not, and nothing is left behind
   */
  finish(events = this.#events, sources: readonly Provenance[] = []): WrittenTrace {
    try {
      allProcessed(this.#events, events);
    } catch (error) {
      this.abandon();
      throw error;
    }
    return this.#writer.finish(sources);
  }

  /** Leaves nothing behind. */
  abandon(): void {
    this.#writer.abandon();
  }
}
