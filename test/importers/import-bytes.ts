import type { TraceEvent } from '../../src/events/catalogue.js';
import type { Source } from '../../src/importers/feed.js';
import type { Format } from '../../src/importers/importer.js';
import { type FileCounts, merge } from '../../src/importers/merge.js';
import type { TraceHeader } from '../../src/log/header.js';
import type { Platform } from '../../src/platform/platform.js';

/** A file of bytes that are at hand, in pieces of `pieceBytes`. */
export const sourceOf = (
  file: string,
  format: Format,
  content: Uint8Array | string,
  pieceBytes = Number.POSITIVE_INFINITY,
): Source => ({
  file,
  format,
  async *chunks() {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    const step = Math.min(pieceBytes, Math.max(bytes.length, 1));
    for (let at = 0; at < bytes.length; at += step) yield bytes.slice(at, at + step);
  },
});

/** What importing files gives. */
export interface ImportedBytes {
  readonly header: TraceHeader<Platform>;
  readonly events: readonly TraceEvent[];
  readonly counts: readonly FileCounts[];
}

export async function importSources(sources: readonly Source[], ahead?: number): Promise<ImportedBytes> {
  const merged = await merge(sources, ahead);
  const events: TraceEvent[] = [];
  for await (const batch of merged.events()) events.push(...batch);
  return { header: merged.header, events, counts: merged.counts() };
}

/** The same for one file. */
export const importBytes = (
  format: Format,
  content: Uint8Array | string,
  pieceBytes?: number,
): Promise<ImportedBytes> => importSources([sourceOf('input', format, content, pieceBytes)]);
