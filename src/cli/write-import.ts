import type { FileCounts, Merged } from '../importers/merge.js';
import type { Provenance } from '../log/header.js';
import { Recorder } from '../machine/recorder.js';
import { envOf } from '../state/trace-env.js';
import type { Output } from './output.js';

/** What was written. */
export interface WrittenImport {
  readonly events: number;
  readonly bytes: number;
  readonly digest: string;
  readonly provenance: readonly Provenance[];
}

/** Writes what several files make together as one trace. @param sha256 Sums of the files in their order, once all are read. */
export async function writeImport(
  output: Output,
  merged: Merged,
  sha256: () => readonly string[],
): Promise<WrittenImport> {
  let sources: readonly Provenance[] = [];
  const { events, bytes, digest } = await output.write(async (target) => {
    const recorder = new Recorder(target, merged.header, envOf(merged.header));
    for await (const batch of merged.events()) {
      recorder.append(batch);
      // Ctrl-C is heard between two turns of the event loop.
      await new Promise((turn) => setImmediate(turn));
    }
    sources = provenance(merged, sha256());
    return recorder.finish(undefined, sources.slice(merged.header.provenance.length));
  });
  return { events, bytes, digest, provenance: sources };
}

/** Where the trace came from: what one of our own says, else the files. */
function provenance(merged: Merged, sha256: readonly string[]): readonly Provenance[] {
  if (merged.recordedSources !== null) return merged.recordedSources;
  return merged.counts().map(({ timesBack, ...rest }, i) => ({
    ...rest,
    sha256: sha256[i]!,
    ...(timesBack === 0 ? {} : { timesBack }),
  }));
}

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
