import { Trouble } from '../../src/base/errors.js';
import { allProcessed } from '../../src/events/broke-off.js';
import type { TraceReader } from '../../src/log/reader.js';
import type { Env } from '../../src/state/env.js';
import { worldOf } from '../../src/state/stored.js';
import { evolve, initialWorld, type World } from '../../src/state/world.js';

/** Snapshots that are tried before everything is folded: where three in a row are broken, so are others. */
const TRIED = 3;

/**
 * The world before event `seq`: the nearest snapshot, then the events after it. A snapshot holds nothing that the events do
 * not, so that one that cannot be read, is of another build's shape or does not bear the events after it is left alone,
 * which the reader is told, and an earlier one or the start is taken.
 * @returns A world of the caller's own, free to be mutated.
 * @throws {Trouble} LOG-004 to LOG-015, RUN-001, RUN-002: the events themselves are at fault
 * @cost At most the events between two snapshots are folded; all of them where no snapshot can be used.
 */
export function worldBefore(reader: TraceReader, env: Env, seq: number): World {
  const { snapshots } = reader.index;
  const last = snapshots.lastNotAbove('nextSeq', seq);
  for (let number = last; number >= 0 && number > last - TRIED; number--) {
    const nextSeq = snapshots.at('nextSeq', number);
    try {
      const world = worldOf(reader.snapshot(number).state, env);
      if (world !== null) return folded(reader, env, world, { from: nextSeq, to: seq });
      reader.leftAlone(nextSeq, null);
      // Those before it are of the same writer.
      break;
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      reader.leftAlone(nextSeq, error);
    }
  }
  return folded(reader, env, initialWorld(env), { from: 0, to: seq });
}

function folded(
  reader: TraceReader,
  env: Env,
  world: World,
  { from, to }: { readonly from: number; readonly to: number },
): World {
  let next = from;
  for (const event of reader.readEvents(from, to)) {
    evolve(world, event, env);
    next += 1;
  }
  allProcessed(next, Math.max(from, Math.min(to, reader.events)));
  return world;
}

/** The world with event `seq` folded in. */
export function worldAfter(reader: TraceReader, env: Env, seq: number): World {
  return worldBefore(reader, env, seq + 1);
}
