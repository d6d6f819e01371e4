import type { Contradictions } from '../importers/assemble.js';
import type { Source } from '../importers/feed.js';
import { type FileCounts, type Merged, merge } from '../importers/merge.js';
import { type NodeSource, nodeSource } from '../importers/node-source.js';
import { formatOf, formats, headBytes } from '../importers/registry.js';
import type { Provenance } from '../log/header.js';
import type { TraceTarget } from '../log/stores/store.js';
import type { WrittenTrace } from '../log/writer.js';
import { envOf } from '../state/trace-env.js';
import { Recorder } from './recorder.js';

/** A file and how it is read. */
export interface Part {
  readonly file: NodeSource;
  readonly source: Source;
}

/** What came of an import. */
export interface Imported extends WrittenTrace {
  /** The files it was made of. */
  readonly provenance: readonly Provenance[];
  /** What became of each file, in the order given. */
  readonly counts: readonly FileCounts[];
}

/**
 * Opens one file of an import.
 * @param piped Its bytes, where it is no file that can be opened by name.
 * @param format Name of its format; null: guessed from its first bytes.
 * @throws {Trouble} IMP-001, IMP-003, IMP-007; system errors of opening
 */
export async function openPart(
  name: string,
  piped: AsyncIterable<Uint8Array> | null,
  format: string | null,
): Promise<Part> {
  const file = await nodeSource(name, piped, format === null ? headBytes : 0);
  return { file, source: { file: name, format: formatOf(file.head, format), chunks: () => file.chunks() } };
}

/**
 * The same of a file that was found in a folder; null where no importer reads it.
 * @param label As events name it: its path in the folder.
 */
export async function openKnown(name: string, label: string): Promise<Part | null> {
  const file = await nodeSource(name, null);
  const format = formats.find((one) => one.detect(file.head));
  if (format === undefined) {
    await file.close();
    return null;
  }
  return { file, source: { file: name, label, format, chunks: () => file.chunks() } };
}

/** Reads far enough into all parts to know the machine. @throws {Trouble} as `merge` */
export const mergeParts = (
  parts: readonly Part[],
  contradictions: Contradictions = 'refused',
): Promise<Merged> =>
  merge(
    parts.map(({ source }) => source),
    undefined,
    contradictions,
  );

/**
 * Writes what several files make together as one trace.
 * @param sha256 Sums of the files in their order; asked when all are read.
 * @throws {Trouble} whatever is wrong with one of the files
 */
export async function recordMerged(
  merged: Merged,
  sha256: () => readonly string[],
  target: TraceTarget,
): Promise<Imported> {
  const recorder = new Recorder(target, merged.header, envOf(merged.header));
  for await (const batch of merged.events()) {
    recorder.append(batch);
    // Signals are heard between two turns of the event loop.
    await new Promise((turn) => setImmediate(turn));
  }
  const provenance = provenanceOf(merged, sha256());
  const written = recorder.finish(undefined, provenance.slice(merged.header.provenance.length));
  return { ...written, provenance, counts: merged.counts() };
}

/** Where the trace came from: what one of our own says, else the files. */
function provenanceOf(merged: Merged, sha256: readonly string[]): readonly Provenance[] {
  if (merged.recordedSources !== null) return merged.recordedSources;
  return merged.counts().map(({ file, timesBack, ...rest }, i) => ({
    file,
    sha256: sha256[i]!,
    ...rest,
    ...(timesBack === 0 ? {} : { timesBack }),
  }));
}
