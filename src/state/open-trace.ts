import { TraceReader } from '../log/reader.js';
import type { TraceSource } from '../log/stores/store.js';
import type { Platform } from '../platform/platform.js';
import type { Env } from './env.js';
import { envOf } from './trace-env.js';

/** A trace with what it was recorded under. */
export interface OpenTrace {
  readonly reader: TraceReader<Platform>;
  readonly env: Env;
}

/**
 * Opens a trace, wherever its bytes are, and checks what stands in its header.
 * @param source Closed with the reader, and when it cannot be opened.
 * @param make Makes the reader, for those who want to be told what it does.
 * @throws {Trouble} LOG-001 to LOG-007, LOG-010 to LOG-012, LOG-014, LOG-016; POL-001 to POL-005
 */
export function openTrace(
  source: TraceSource,
  make: (source: TraceSource, opened: TraceReader<Platform>) => TraceReader<Platform> = (_source, opened) =>
    opened,
): OpenTrace {
  try {
    const opened = TraceReader.open<Platform>(source);
    return { reader: make(source, opened), env: envOf(opened.header) };
  } catch (error) {
    source.close();
    throw error;
  }
}
