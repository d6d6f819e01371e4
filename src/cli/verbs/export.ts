import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { Trouble } from '../../base/errors.js';
import { ndjsonLines } from '../../exporters/ndjson.js';
import { required } from '../choices.js';
import { print, say } from '../io.js';
import { type OpenTrace, withTrace } from '../trace-file.js';
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
    const output = required(options['output'], '-o FILE');
    if (output === '-') for (const line of format(trace)) print(line);
    else {
      writeLines(output, format(trace));
      say(`${output}: ${trace.reader.events} events as ${name}`);
    }
    return 0;
  });

/** Characters gathered before a write. */
const CHUNK = 1 << 16;

/** Writes beside, then renames: a failure leaves no half-written file. */
function writeLines(output: string, lines: Iterable<string>): void {
  const partial = `${output}.part`;
  const descriptor = openSync(partial, 'w');
  try {
    let pending = '';
    for (const line of lines) {
      pending += `${line}\n`;
      if (pending.length < CHUNK) continue;
      writeSync(descriptor, pending);
      pending = '';
    }
    writeSync(descriptor, pending);
    closeSync(descriptor);
    renameSync(partial, output);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}
