import { sameBytes } from '../../src/log/digest.js';
import { packDocument } from '../../src/log/msgpack.js';
import type { TraceReader } from '../../src/log/reader.js';
import type { Env } from '../../src/state/env.js';
import { storedWorld, worldOf } from '../../src/state/stored.js';
import { evolve, initialWorld } from '../../src/state/world.js';

export interface CheckedSnapshots {
  /** Offsets of snapshots that say other things than the events before them. */
  readonly wrong: readonly number[];
  /** How many have another shape than this program folds: nobody uses them, nobody can check them. */
  readonly foreign: number;
}

/**
 * Folds a trace and holds every snapshot against the state it stands for. Checksums and digests cannot do that: whoever
 * forges a snapshot makes them too.
 * @throws {Trouble} as `TraceReader.readEvents`
 * @cost One fold of the trace, when there is a snapshot to check.
 */
export function checkSnapshots(reader: TraceReader, env: Env): CheckedSnapshots {
  const { snapshots } = reader.index;
  const wrong: number[] = [];
  let foreign = 0;
  const world = initialWorld(env);
  let next = 0;
  for (let number = 0; number < snapshots.length; number++) {
    const { nextSeq, state } = reader.snapshot(number);
    if (worldOf(state, env) === null) {
      foreign += 1;
      continue;
    }
    for (const event of reader.readEvents(next, nextSeq)) evolve(world, event, env);
    next = nextSeq;
    if (!sameBytes(packDocument(state), packDocument(storedWorld(world, env)))) {
      wrong.push(snapshots.at('offsetBytes', number));
    }
  }
  return { wrong, foreign };
}
