import { counted } from '../../base/counted.js';
import type { Source } from '../../importers/feed.js';
import { merge } from '../../importers/merge.js';
import { type NodeSource, nodeSource } from '../../importers/node-source.js';
import { formatOf, headBytes } from '../../importers/registry.js';
import { required } from '../choices.js';
import { pipedPieces } from '../input.js';
import { printJson, say, sayNext } from '../io.js';
import { chooseOutput, outputKinds } from '../output.js';
import { inFile } from '../trace-file.js';
import type { RunVerb } from '../verb.js';
import { passedOver, writeImport } from '../write-import.js';

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
  const { events, bytes, digest, provenance } = await writeImport(output, merged, () =>
    parts.map(({ file }) => file.sha256()),
  );
  if (options['json'] === true)
    printJson({ schema: 'import/1', file: output.name, events, bytes, digest, provenance });
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
