import { basename } from 'node:path';
import { counted } from '../../base/counted.js';
import type { Source } from '../../importers/feed.js';
import { type FileCounts, type Merged, merge } from '../../importers/merge.js';
import { type NodeSource, nodeSource } from '../../importers/node-source.js';
import { formatOf, headBytes } from '../../importers/registry.js';
import type { Provenance } from '../../log/header.js';
import { Recorder } from '../../machine/recorder.js';
import { envOf } from '../../state/trace-env.js';
import { required } from '../choices.js';
import { pipedPieces } from '../input.js';
import { printJson, say, sayNext } from '../io.js';
import { chooseOutput, outputKinds } from '../output.js';
import { inFile } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

/** A file and how it is read. */
interface Part {
  readonly file: NodeSource;
  readonly source: Source;
}

export const run: RunVerb = async ([given], options) => {
  const files = (Array.isArray(given) ? given : [given]).map((file) => required(file, 'the file'));
  const output = chooseOutput(required(options['output'], '-o FILE'), outputKinds.trace, {
    inputs: files,
    options,
  });
  const parts: Part[] = [];
  for (const file of files) parts.push(await openPart(file, options['format']));
  const merged = await merge(parts.map(({ source }) => source));
  let sources: readonly Provenance[] = [];
  const { events, bytes, digest } = await output.write(async (target) => {
    const recorder = new Recorder(target, merged.header, envOf(merged.header));
    for await (const batch of merged.events()) {
      recorder.append(batch);
      // Ctrl-C is heard between two turns of the event loop.
      await new Promise((turn) => setImmediate(turn));
    }
    sources = provenance(merged, parts);
    return recorder.finish(undefined, sources.slice(merged.header.provenance.length));
  });
  if (options['json'] === true)
    printJson({ schema: 'import/1', file: output.name, events, bytes, digest, provenance: sources });
  else
    say(
      `${output.name}: ${counted(events, 'event')}, digest ${digest.slice(0, 16)}${passedOver(merged.counts())}`,
    );
  sayNext('info', { file: output.name });
  return 0 as const;
};

async function openPart(name: string, format: unknown): Promise<Part> {
  try {
    const named = typeof format === 'string' ? format : null;
    const file = await nodeSource(name, pipedPieces(name), named === null ? headBytes : 0);
    return { file, source: { file: name, format: formatOf(file.head, named), chunks: () => file.chunks() } };
  } catch (error) {
    throw inFile(error, name);
  }
}

/** Where the trace came from: what one of our own says, else the files. */
function provenance(merged: Merged, parts: readonly Part[]): readonly Provenance[] {
  if (merged.recordedSources !== null) return merged.recordedSources;
  return merged.counts().map(({ file, timesBack, ...rest }, i) => ({
    file: basename(file),
    sha256: parts[i]!.file.sha256(),
    ...rest,
    ...(timesBack === 0 ? {} : { timesBack }),
  }));
}

/** What did not become events, or not at its time; empty when everything did. */
function passedOver(sources: readonly FileCounts[]): string {
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
