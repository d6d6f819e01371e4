import { Trouble } from '../base/errors.js';
import type { TraceEvent } from '../events/catalogue.js';
import { fileStore } from '../log/file-store.js';
import { TraceReader } from '../log/reader.js';
import type { Platform } from '../platform/platform.js';
import type { Env } from '../state/env.js';
import { envOf } from '../state/trace-env.js';

/** A trace opened for a verb. */
export interface OpenTrace {
  readonly file: string;
  readonly reader: TraceReader<Platform>;
  readonly env: Env;
}

/** Runs `use` on an open trace and closes it; errors name the file. */
export async function withTrace<T>(file: string, use: (trace: OpenTrace) => T | Promise<T>): Promise<T> {
  try {
    const reader = TraceReader.open<Platform>(fileStore.open(file));
    try {
      return await use({ file, reader, env: envOf(reader.header) });
    } finally {
      reader.close();
    }
  } catch (error) {
    throw error instanceof Trouble ? error.inFile(file) : error;
  }
}

/** Events block by block. */
export function* batches({ reader }: OpenTrace): Generator<readonly TraceEvent[]> {
  for (const block of reader.blocks()) yield block.events();
}
