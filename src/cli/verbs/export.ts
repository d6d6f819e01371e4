import { closeSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Trouble } from '../../base/errors.js';
import { ndjsonLines } from '../../exporters/ndjson.js';
import { required } from '../choices.js';
import { print, printJson, say } from '../io.js';
import { type OpenTrace, outputFile, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verbs.js';

/** Formats by name: the lines of the export. */
const formats: Readonly<Record<string, (trace: OpenTrace) => Iterable<string>>> = {
  ndjson: ({ reader, env }) => ndjsonLines(reader.header, env.platform, reader.readEvents()),
};

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), (trace) => {
    const name = required(options['to'], '--to FORMAT');
    const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
    if (format === undefined) {
      throw new Trouble('CLI-010', `no export format ${name}`, {
        actual: name,
        expected: Object.keys(formats).join(', '),
      });
    }
    const json = options['json'] === true;
    const output = outputFile(required(options['output'], '-o FILE'), json);
    const { events } = trace.reader;
    if (output === '-') for (const chunk of chunks(format(trace))) print(chunk);
    else writeChunks(output, chunks(format(trace)));
    if (json) printJson({ schema: 'export/1', file: output, format: name, events });
    else if (output !== '-') say(`${output}: ${events} events as ${name}`);
    return 0;
  });

/** Characters gathered before a write. */
const CHUNK = 1 << 16;

/** Many lines at once, without the end of the last line. */
function* chunks(lines: Iterable<string>): Generator<string> {
  let pending: string[] = [];
  let length = 0;
  for (const line of lines) {
    pending.push(line);
    length += line.length;
    if (length < CHUNK) continue;
    yield pending.join('\n');
    [pending, length] = [[], 0];
  }
  if (pending.length > 0) yield pending.join('\n');
}

/** Writes beside, then renames: a failure leaves no half-written file. */
function writeChunks(output: string, texts: Iterable<string>): void {
  const partial = `${output}.part`;
  const descriptor = openSync(partial, 'w');
  try {
    for (const text of texts) writeFileSync(descriptor, `${text}\n`);
    closeSync(descriptor);
    renameSync(partial, output);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}
