import { type Seen, seenUpTo } from '../../replay/inventory/seen.js';
import { parseEventPosition } from '../../replay/seek/position.js';
import { allProcessed } from '../events/broke-off.js';
import { say } from './io.js';
import type { OpenTrace } from './trace-file.js';

/** The event that `--at` means, the last one unless given. @throws {Trouble} POS-001 and the like */
export function eventAt({ reader, env }: OpenTrace, at: unknown): number {
  const { from, note } = parseEventPosition(String(at ?? 'last'), reader, env);
  if (note !== null) say(note);
  return from;
}

/** What a trace comes to at `--at`. @throws {Trouble} POS-001 and the like, RUN-001, RUN-002 */
export function seenAt(trace: OpenTrace, at: unknown): { readonly seq: number; readonly seen: Seen } {
  const seq = trace.reader.events === 0 ? -1 : eventAt(trace, at);
  const seen = seenUpTo(trace.reader, trace.env, seq);
  allProcessed(seen.processed, seq + 1);
  return { seq, seen };
}
