import { Trouble, type TroubleDocument } from '../../src/base/errors.js';
import { shellFile } from '../../src/base/shell-word.js';
import { allProcessed } from '../../src/events/broke-off.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import type { TraceReader } from '../../src/log/reader.js';
import type { Recovered } from '../../src/log/recovered.js';
import { fileStore } from '../../src/log/stores/file-store.js';
import type { Env } from '../../src/state/env.js';
import { openTrace } from '../../src/state/open-trace.js';
import { presentEvent } from '../../src/tell/present.js';
import { compileWhere } from '../../src/tell/where.js';
import { type PresentedDivergence, presentDivergence } from '../run/present-divergence.js';
import { replay } from '../run/replayer.js';

/** What a replay of one trace came to. `trouble`: it could not be replayed, `error` says why. */
export interface CheckedTrace {
  readonly file: string;
  readonly status: 'same' | 'different' | 'trouble';
  readonly events: number;
  /** Events the filter holds for; all without one. */
  readonly matching: number;
  readonly compared: number;
  readonly matched: number;
  readonly mismatched: number;
  readonly unmodelled: number;
  readonly firstDivergence: PresentedDivergence | null;
  /** The trace is the beginning of a damaged one; null: it was recorded to its end. */
  readonly recovered: Recovered | null;
  readonly error: TroubleDocument | null;
}

/** How a corpus is checked; crosses to the worker threads, so plain data. */
export interface CheckOptions {
  /** Filter over the recorded events whose outcomes count; null for all. */
  readonly where: string | null;
}

/** Replays one trace file. Whatever is wrong with the file is part of the answer, nothing is thrown. */
export function checkTrace(file: string, options: CheckOptions): CheckedTrace {
  try {
    const { reader, env } = openTrace(fileStore.open(file));
    try {
      return compared(file, reader, env, options);
    } finally {
      reader.close();
    }
  } catch (error) {
    return troubled(file, error);
  }
}

/** The answer for a file that could not be replayed. */
export function troubled(file: string, error: unknown): CheckedTrace {
  const trouble =
    error instanceof Trouble
      ? error.inFile(file)
      : new Trouble('CHK-003', 'the replay broke off', {
          file,
          actual: error instanceof Error ? error.message : String(error),
          hint: `run xpr fsck ${shellFile(file)}; if that finds nothing, this is a fault of xpr`,
        });
  const none = {
    events: 0,
    matching: 0,
    compared: 0,
    matched: 0,
    mismatched: 0,
    unmodelled: 0,
    firstDivergence: null,
    recovered: null,
  };
  return { file, status: 'trouble', ...none, error: trouble.toDocument() };
}

function compared(file: string, reader: TraceReader, env: Env, { where }: CheckOptions): CheckedTrace {
  const wanted = where === null ? null : compileWhere(where);
  const counts = (event: TraceEvent): boolean => wanted === null || wanted(presentEvent(event, env.platform));
  const matching = { events: 0 };
  const result = replay(env, counted(reader.batches(), counts, matching), { keep: 1, counts });
  allProcessed(result.events, reader.events);
  const first = result.divergences[0];
  return {
    file,
    status: result.mismatched === 0 ? 'same' : 'different',
    events: result.events,
    matching: matching.events,
    compared: result.compared,
    matched: result.matched,
    mismatched: result.mismatched,
    unmodelled: result.unmodelled,
    firstDivergence: first === undefined ? null : presentDivergence(first, { reader, env }),
    recovered: reader.recovered,
    error: null,
  };
}

/** Counts what a filter lets through. */
function* counted(
  source: Iterable<readonly TraceEvent[]>,
  counts: (event: TraceEvent) => boolean,
  into: { events: number },
): Generator<readonly TraceEvent[]> {
  for (const batch of source) {
    into.events += batch.filter(counts).length;
    yield batch;
  }
}
