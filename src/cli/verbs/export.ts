import { counted } from '../../base/counted.js';
import { Trouble } from '../../base/errors.js';
import { didYouMean } from '../../base/near.js';
import { allProcessed } from '../../events/broke-off.js';
import type { TraceEvent } from '../../events/catalogue.js';
import type { Exporter } from '../../exporters/exporter.js';
import { exporters, exportNames } from '../../exporters/registry.js';
import { required } from '../choices.js';
import { printJson, say } from '../io.js';
import { chooseOutput } from '../output.js';
import { type OpenTrace, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), async (trace) => {
    const name = required(options['to'], '--to FORMAT');
    const exporter = await exporterNamed(name);
    const output = chooseOutput(
      required(options['output'], '-o FILE'),
      { name: 'export', binary: false, isOne: (head) => exporter.isOne(head) },
      { inputs: [trace.file], options },
    );
    const { events } = trace.reader;
    await output.write(async (target) => {
      for (const chunk of chunks(linesOf(trace, exporter))) {
        target.write(Buffer.from(chunk));
        // Signals are heard between two turns of the event loop.
        await new Promise((turn) => setImmediate(turn));
      }
      target.commit();
    });
    if (options['json'] === true) printJson({ schema: 'export/1', file: output.name, format: name, events });
    else if (!output.isStandard) say(`${output.name}: ${counted(events, 'event')} as ${name}`);
    return 0 as const;
  });

/** @throws {Trouble} CLI-010 */
function exporterNamed(name: string): Promise<Exporter> {
  const load = Object.hasOwn(exporters, name) ? exporters[name] : undefined;
  if (load !== undefined) return load();
  throw new Trouble('CLI-010', `no export format ${name}`, {
    actual: name,
    expected: exportNames.join(', '),
    hint: didYouMean(name, exportNames) ?? 'xpr export --help lists them',
  });
}

/** The lines of all events; an error before the file is finished when some are missing. */
function* linesOf({ reader, env }: OpenTrace, exporter: Exporter): Generator<string> {
  let processed = 0;
  const counted = function* (): Generator<TraceEvent> {
    for (const event of reader.readEvents()) {
      yield event;
      processed += 1;
    }
  };
  yield* exporter.lines({
    header: reader.header,
    platform: env.platform,
    sources: reader.index.sources,
    events: counted(),
  });
  allProcessed(processed, reader.events);
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
