import { allProcessed } from '../../src/events/broke-off.js';
import type { TraceReader } from '../../src/log/reader.js';
import type { Env } from '../../src/state/env.js';
import { worldOf } from '../../src/state/stored.js';
import { evolve, initialWorld, type World } from '../../src/state/world.js';

/**
 * The world before event `seq`: the nearest snapshot, then the events after it. A snapshot has the shape that the world
 * had in the build that wrote it; when that is not ours it is left alone, which the reader is told, and everything is
 * folded.
 * @returns A world of the caller's own, free to be mutated.
 * @throws {Trouble} LOG-004 to LOG-015, RUN-001, RUN-002
 * @cost At most the events between two snapshots are folded; all of them where the shape is another.
 */
export function worldBefore(reader: TraceReader, env: Env, seq: number): World {
  const snapshot = reader.snapshotBefore(seq);
  const stored = snapshot === null ? null : worldOf(snapshot.state, env);
  if (snapshot !== null && stored === null) reader.leftAlone(snapshot.nextSeq);
  const world = stored ?? initialWorld(env);
  const from = snapshot === null || stored === null ? 0 : snapshot.nextSeq;
  let next = from;
  for (const event of reader.readEvents(from, seq)) {
    evolve(world, event, env);
    next += 1;
  }
  allProcessed(next, Math.max(from, Math.min(seq, reader.events)));
  return world;
}

/** The world with event `seq` folded in. */
export function worldAfter(reader: TraceReader, env: Env, seq: number): World {
  return worldBefore(reader, env, seq + 1);
}
