import { counted } from '../../base/counted.js';
import { mergeParts, openPart, type Part } from '../../machine/import-trace.js';
import { required } from '../choices.js';
import { pipedPieces } from '../input.js';
import { printJson, say, sayNext } from '../io.js';
import { chooseOutput, outputKinds } from '../output.js';
import { inFile } from '../trace-file.js';
import type { RunVerb } from '../verb.js';
import { passedOver, writeImport } from '../write-import.js';

export const run: RunVerb = async ([given], options) => {
  const files = (Array.isArray(given) ? given : [given]).map((file) => required(file, 'the file'));
  const output = chooseOutput(required(options['output'], '-o FILE'), outputKinds.trace, {
    inputs: files,
    options,
  });
  const parts: Part[] = [];
  for (const file of files) parts.push(await open(file, options['format']));
  const merged = await mergeParts(parts);
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

async function open(name: string, format: unknown): Promise<Part> {
  try {
    return await openPart(name, pipedPieces(name), typeof format === 'string' ? format : null);
  } catch (error) {
    throw inFile(error, name);
  }
}
