import type { TraceEvent } from '../events/catalogue.js';
import type { Provenance, TraceHeader } from '../log/header.js';
import type { BridgeTable } from '../pci/function-id.js';
import { presentEvent } from '../tell/present.js';
import type { Exporter } from './exporter.js';

/** First line of an export: what the log's header holds, byte arrays as `{"$base64": …}`. */
export interface HeaderLine {
  readonly schema: 'xpr-ndjson/1';
  readonly header: unknown;
  /** The files the trace was made of, which are outside its digest; absent: none, or the header has them. */
  readonly sources?: readonly Provenance[];
}

/** The whole trace as text lines: the header, then an event a line, as `show --json` prints it. */
export function* ndjsonLines(
  header: TraceHeader,
  table: BridgeTable,
  events: Iterable<TraceEvent>,
  sources: readonly Provenance[] = [],
): Generator<string> {
  const first: HeaderLine = { schema: 'xpr-ndjson/1', header, ...(sources.length === 0 ? {} : { sources }) };
  yield JSON.stringify(first, (_name, value: unknown) =>
    value instanceof Uint8Array ? { $base64: Buffer.from(value).toString('base64') } : value,
  );
  for (const event of events) yield JSON.stringify(presentEvent(event, table));
}

/** What `import` reads back to the byte. */
export const ndjsonExporter: Exporter = {
  lines: ({ header, platform, events, sources }) => ndjsonLines(header, platform, events, sources),
  isOne: (head) => new TextDecoder('latin1').decode(head).startsWith('{"schema":"xpr-ndjson/'),
};
