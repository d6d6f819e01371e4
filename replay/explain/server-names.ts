import type { TraceReader } from '../../src/log/reader.js';
import { ServerNames } from '../../src/rules/server-names.js';

/**
 * Who made the IOREQ servers of a trace made before event `end`. @cost Reads only blocks in which servers and guests
 * come and go.
 */
export function serverNames(reader: TraceReader, end = reader.events): ServerNames {
  const names = new ServerNames();
  const { index } = reader;
  for (let block = 0; block < index.blocks.length; block++) {
    const first = index.blocks.at('firstSeq', block);
    if (first >= end) break;
    if (!['server.created', 'domain.destroyed'].some((kind) => index.hasKind(block, kind))) continue;
    // The call that made a server may stand at the end of the block before.
    const next = Math.min(end, first + index.blocks.at('count', block));
    for (const event of reader.readEvents(Math.max(0, first - 1), next)) names.see(event);
  }
  return names;
}

/** One line that says which program each server number in a text stands for; null where it names none. */
export function serverLegend(text: string, names: ServerNames): string | null {
  const told = [...names.all()].filter(({ server }) => text.includes(`server:${server}`));
  const guests = new Set(told.map(({ domid }) => domid));
  const parts = told.map(
    ({ domid, server, maker }) => `server:${server}${guests.size > 1 ? ` of d${domid}` : ''} is ${maker}`,
  );
  return parts.length === 0 ? null : parts.join(', ');
}
