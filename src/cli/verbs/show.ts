import { parsePosition } from '../../../replay/seek/position.js';
import { allProcessed } from '../../events/broke-off.js';
import { columnsFor, eventText } from '../../tell/event-line.js';
import { presentEvent } from '../../tell/present.js';
import { compileWhere } from '../../tell/where.js';
import { required } from '../choices.js';
import { print, say } from '../io.js';
import { withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

/** Lines written at once. */
const BATCH = 1_000;

export const run: RunVerb = ([file, position], options) =>
  withTrace(required(file, 'the trace'), ({ reader, env }) => {
    const range =
      typeof position === 'string'
        ? parsePosition(position, reader, env)
        : { from: 0, to: reader.events, note: null };
    if (range.note !== null) say(range.note);
    const wanted = typeof options['where'] === 'string' ? compileWhere(options['where']) : null;
    const last = Math.min(range.to, reader.events) - 1;
    const columns = last < range.from ? undefined : columnsFor(last, reader.eventAt(last).atNs);
    let lines: string[] = [];
    let next = range.from;
    let matches = 0;
    for (const event of reader.readEvents(range.from, range.to)) {
      const line = presentEvent(event, env.platform);
      next += 1;
      if (wanted !== null && !wanted(line)) continue;
      matches += 1;
      lines.push(options['json'] === true ? JSON.stringify(line) : eventText(line, columns));
      if (lines.length === BATCH) {
        print(lines);
        lines = [];
      }
    }
    if (lines.length > 0) print(lines);
    if (wanted !== null && matches === 0) say(`0 of ${next - range.from} events match`);
    allProcessed(next, Math.max(range.from, last + 1));
    return 0;
  });
