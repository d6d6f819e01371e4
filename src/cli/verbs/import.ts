import { relative } from 'node:path';
import { counted } from '../../base/counted.js';
import { Trouble } from '../../base/errors.js';
import { formats } from '../../importers/registry.js';
import { mergeParts, openKnown, openPart, type Part } from '../../machine/import-trace.js';
import { required } from '../choices.js';
import { pipedPieces } from '../input.js';
import { printJson, say, sayNext } from '../io.js';
import { chooseOutput, outputKinds } from '../output.js';
import { filesOf } from '../report-files.js';
import { inFile } from '../trace-file.js';
import type { RunVerb } from '../verb.js';
import { passedOver, writeImport } from '../write-import.js';

export const run: RunVerb = async ([given], options) => {
  const names = (Array.isArray(given) ? given : [given]).map((file) => required(file, 'the file'));
  const files = names.flatMap((name) =>
    filesOf(name).map((file) => ({ file, folder: file === name ? null : name })),
  );
  const output = chooseOutput(required(options['output'], '-o FILE'), outputKinds.trace, {
    inputs: files.map(({ file }) => file),
    options,
  });
  const parts: Part[] = [];
  const unknown: string[] = [];
  for (const { file, folder } of files) {
    const part = await open(file, folder, options['format']);
    if (part === null) unknown.push(file);
    else parts.push(part);
  }
  if (parts.length === 0) throw noneKnown(names);
  const isFolder = files.some(({ folder }) => folder !== null);
  const merged = await mergeParts(parts, isFolder ? 'told' : 'refused');
  const { events, bytes, digest, provenance } = await writeImport(output, merged, () =>
    parts.map(({ file }) => file.sha256()),
  );
  if (options['json'] === true)
    printJson({ schema: 'import/1', file: output.name, events, bytes, digest, provenance });
  else
    say(
      `${output.name}: ${counted(events, 'event')}, digest ${digest.slice(0, 16)}${passedOver(merged.counts())}`,
    );
  if (unknown.length > 0) say(`not read, their format not being known: ${unknown.join(', ')}`);
  sayNext('info', { file: output.name });
  return 0 as const;
};

/** @returns Null for a file of a folder that no importer reads: folders hold notes and pictures too. */
async function open(name: string, folder: string | null, format: unknown): Promise<Part | null> {
  try {
    if (folder !== null && typeof format !== 'string') return await openKnown(name, relative(folder, name));
    return await openPart(name, pipedPieces(name), typeof format === 'string' ? format : null);
  } catch (error) {
    throw inFile(error, name);
  }
}

const noneKnown = (names: readonly string[]): Trouble =>
  new Trouble('IMP-001', 'no file of a known format', {
    actual: names.join(', '),
    expected: formats.map(({ name }) => name).join(', '),
  });
