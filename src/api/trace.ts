import { worldBefore } from '../../replay/seek/timeline.js';
import { allProcessed } from '../events/broke-off.js';
import type { TraceEvent } from '../events/catalogue.js';
import type { Provenance, TraceHeader } from '../log/header.js';
import type { TraceReader } from '../log/reader.js';
import type { TraceSource } from '../log/stores/store.js';
import type { Platform } from '../platform/platform.js';
import type { Env } from '../state/env.js';
import { openTrace } from '../state/open-trace.js';
import type { ReadonlyWorld } from '../state/world.js';
import { type EventLine, presentEvent } from '../tell/present.js';
import { compileWhere } from '../tell/where.js';

/** Which events of a trace are wanted. */
export interface Wanted {
  /** The first one; 0 unless given. */
  readonly from?: number;
  /** The one behind the last; the number of events unless given. */
  readonly to?: number;
  /** A filter, as of `xpr show --where`: `kind == config.completed && value >= 0x10`. */
  readonly where?: string;
}

/**
 * One trace, open. Reading is synchronous; one block is in memory at a time, and every byte has passed a checksum.
 *
 * `seq` is an event's place in the trace, from 0.
 */
export class Trace {
  /** What the trace says about itself: who wrote it, from which scenario and seed, with which choices. */
  readonly header: TraceHeader<Platform>;
  /** The machine, policies, switches and behaviour numbers it was recorded under. */
  readonly env: Env;
  /** The reader below, for those who want blocks and snapshots. */
  readonly reader: TraceReader<Platform>;

  /**
   * Opens a trace wherever its bytes are; `openBytes` and `openFile` are shorter.
   * @param source Closed by `close`, and when it is no trace.
   * @throws {Trouble} LOG-001 to LOG-007, LOG-010 to LOG-016: it is damaged or none; POL-001 to POL-005: its choices
   *   are not known to this version
   */
  constructor(source: TraceSource) {
    const { reader, env } = openTrace(source);
    this.header = reader.header;
    this.env = env;
    this.reader = reader;
  }

  /** Number of events. */
  get events(): number {
    return this.reader.events;
  }

  /** Digest over header and events, 64 hex digits: equal digests, equal traces. */
  get digest(): string {
    return this.reader.digest;
  }

  /** The files an imported trace was made of. */
  get sources(): readonly Provenance[] {
    return this.reader.sources;
  }

  /**
   * Events in order, typed by their kind.
   * @throws {Trouble} LOG-004 to LOG-013 where the trace is damaged; WHERE-001 to WHERE-003 for a filter that is none
   */
  *read({ from = 0, to = this.events, where }: Wanted = {}): Generator<TraceEvent> {
    const wanted = where === undefined ? null : compileWhere(where);
    let next = Math.max(0, from);
    const end = Math.max(next, Math.min(to, this.events));
    for (const event of this.reader.readEvents(from, to)) {
      next += 1;
      if (wanted === null || wanted(this.present(event))) yield event;
    }
    allProcessed(next, end);
  }

  /** One event. @throws {Trouble} LOG-015 there is none of this number; as `read` */
  event(seq: number): TraceEvent {
    return this.reader.eventAt(seq);
  }

  /** An event as `xpr show --json` prints it: names as texts, addresses in hex. */
  present(event: TraceEvent): EventLine {
    return presentEvent(event, this.env.platform);
  }

  /**
   * The state of everything before an event: Xen, Dom0, guests, hardware.
   * @param seq As many events are folded; the number of events gives the state at the end.
   * @throws {Trouble} LOG-004 to LOG-013; RUN-001 when a reducer gives way
   * @cost The events since the last snapshot, at most some 8,192 of a trace of this release
   */
  stateBefore(seq: number): ReadonlyWorld {
    return worldBefore(this.reader, this.env, seq);
  }

  /** Closes what the trace is read from. */
  close(): void {
    this.reader.close();
  }
}
