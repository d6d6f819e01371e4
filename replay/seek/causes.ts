import type { TraceEvent } from '../../src/events/catalogue.js';
import type { TraceReader } from '../../src/log/reader.js';

/** The chain from an event up to the input without a cause, nearest first. Causes always lie before the event. */
export function causesOf(reader: TraceReader, event: TraceEvent): TraceEvent[] {
  const chain: TraceEvent[] = [];
  let at = event;
  while (at.cause !== null && at.cause < at.seq) {
    at = reader.eventAt(at.cause);
    chain.push(at);
  }
  return chain;
}

/**
 * What follows from an event, directly or not, in log order.
 * @param limit Stop after so many.
 * @cost Reads until the outcomes of its input end; in an imported log until the end of the trace.
 */
export function consequencesOf(reader: TraceReader, event: TraceEvent, limit: number): TraceEvent[] {
  const family = new Set<number>([event.seq]);
  const found: TraceEvent[] = [];
  for (const later of reader.readEvents(event.seq + 1)) {
    if (later.cause !== null && family.has(later.cause)) {
      family.add(later.seq);
      found.push(later);
      if (found.length === limit) break;
    } else if (event.origin === 'simulated' && later.cause === null) break;
  }
  return found;
}
