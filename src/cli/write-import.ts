import type { FileCounts, Merged } from '../importers/merge.js';
import { type Imported, recordMerged } from '../machine/import-trace.js';
import type { Output } from './output.js';

/** Writes what several files make together as one trace. @param sha256 Sums of the files in their order, once all are read. */
export const writeImport = (
  output: Output,
  merged: Merged,
  sha256: () => readonly string[],
): Promise<Imported> => output.write((target) => recordMerged(merged, sha256, target));

/** What did not become events, or not at its time; empty when everything did. */
export function passedOver(sources: readonly FileCounts[]): string {
  const sum = (count: (source: FileCounts) => number): number =>
    sources.reduce((total, source) => total + count(source), 0);
  const say = (count: number, what: string): string => (count === 0 ? '' : `; ${count} ${what}`);
  return [
    say(
      sum(({ skipped }) => skipped),
      'records not about PCI',
    ),
    say(
      sum(({ lost }) => lost),
      'torn',
    ),
    say(
      sum(({ timesBack }) => timesBack),
      'times that go back, kept at the later one',
    ),
  ].join('');
}
