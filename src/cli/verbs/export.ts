import { counted } from '../../base/counted.js';
import { Trouble } from '../../base/errors.js';
import { allProcessed } from '../../events/broke-off.js';
import type { TraceEvent } from '../../events/catalogue.js';
import { ndjsonLines } from '../../exporters/ndjson.js';
import { required } from '../choices.js';
import { printJson, say } from '../io.js';
import { chooseOutput, outputKinds } from '../output.js';
import { type OpenTrace, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

/** Formats by name: the lines of the export. */
const formats: Readonly<Record<string, (trace: OpenTrace) => Iterable<string>>> = {
  ndjson: ({ reader, env }) =>
    allOf(
      reader.events,
      (events) => ndjsonLines(reader.header, env.platform, events, reader.index.sources),
      reader.readEvents(),
    ),
};

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), async (trace) => {
    const name = required(options['to'], '--to FORMAT');
    const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
    if (format === undefined) {
      throw new Trouble('CLI-010', `no export format ${name}`, {
        actual: name,
        expected: Object.keys(formats).join(', '),
      });
    }
    const output = chooseOutput(required(options['output'], '-o FILE'), outputKinds.ndjson, {
      inputs: [trace.file],
      options,
    });
    const { events } = trace.reader;
    await output.write((target) => {
      for (const chunk of chunks(format(trace))) target.write(Buffer.from(chunk));
      target.commit();
    });
    if (options['json'] === true) printJson({ schema: 'export/1', file: output.name, format: name, events });
    else if (!output.isStandard) say(`${output.name}: ${counted(events, 'event')} as ${name}`);
    return 0 as const;
  });

/** The lines of all events; an error before the file is finished when some are missing. */
function* allOf(
  events: number,
  lines: (events: Iterable<TraceEvent>) => Iterable<string>,
  source: Iterable<TraceEvent>,
): Generator<string> {
  let processed = 0;
  const counted = function* (): Generator<TraceEvent> {
    for (const event of source) {
      yield event;
      processed += 1;
    }
  };
  yield* lines(counted());
  allProcessed(processed, events);
}

/** Characters gathered before a write. */
const CHUNK = 1 << 16;

/** Many lines at once. */
function* chunks(lines: Iterable<string>): Generator<string> {
  let pending: string[] = [];
  let length = 0;
  for (const line of lines) {
    pending.push(line);
    length += line.length;
    if (length < CHUNK) continue;
    yield `${pending.join('\n')}\n`;
    [pending, length] = [[], 0];
  }
  if (pending.length > 0) yield `${pending.join('\n')}\n`;
}
