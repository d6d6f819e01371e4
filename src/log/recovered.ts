import type { Provenance } from './header.js';

/** What a recovered trace says of the damaged one it is the beginning of. */
export interface Recovered {
  /** Name of the damaged file. */
  readonly file: string;
  /** Events brought back. */
  readonly events: number;
  /** Events that are known to have been behind them and are not there any more; more may be lost. */
  readonly lost: number;
}

/** Marks a source as the damaged file; it stands among the sources in the index, so that the digest stays that of the events. */
const FORMAT = 'recovered';

export const recoveredSource = ({ file, events, lost }: Recovered, sha256: string): Provenance => ({
  file,
  format: FORMAT,
  sha256,
  records: events,
  skipped: 0,
  lost,
});

/** What sources say of a recovery, the latest one; null for a trace that was recorded to its end. */
export function recoveredFrom(sources: readonly Provenance[]): Recovered | null {
  const source = sources.findLast(({ format }) => format === FORMAT);
  return source === undefined ? null : { file: source.file, events: source.records, lost: source.lost };
}

/** The same as a sentence without its subject. */
export function recoveredText({ file, events, lost }: Recovered): string {
  const rest =
    lost === 0 ? 'what came behind them, if anything, is lost' : `at least ${lost} behind them are lost`;
  return `was recovered from ${file}, which is damaged: its first ${events} events; ${rest}`;
}
