import type { EventLine, Json } from './present.js';
import { readable } from './readable.js';

/** One event in one line of text: place, time, who, kind, payload, the event it follows from. */
export function eventText({ seq, atNs, kind, by, cause, data }: EventLine, columns = bare): string {
  const fields = Object.entries(readable(kind, data))
    .filter(([name, value]) => value !== null && !(name === 'by' && value === by))
    .map(([name, value]) => `${name}=${compact(value)}`)
    .join(' ');
  const from = cause === null ? '' : `  <- #${cause}`;
  const place = `#${seq}`.padEnd(columns.seq);
  const time = microseconds(atNs).padStart(columns.time);
  return `${place}  ${time}  ${by.padEnd(columns.by)}  ${kind}  ${fields}`.trimEnd() + from;
}

/** Widths of the columns before an event's kind. */
export interface EventColumns {
  readonly seq: number;
  readonly time: number;
  readonly by: number;
}

const bare: EventColumns = { seq: 0, time: 0, by: 0 };

/** Who acts: `toolstack` and `dm:qemu` fit, longer names push their line aside. */
const BY = 9;

/** Columns wide enough for every event up to one of that number and time. */
export const columnsFor = (seq: number, atNs: number): EventColumns => ({
  seq: String(seq).length + 1,
  time: microseconds(atNs).length,
  by: BY,
});

/** What an event is about, for a narrow column: no time, no fields that say once more who acted. */
export function briefText({ seq, by, kind, data }: EventLine): string {
  const { op, args, ...rest } = readable(kind, data);
  const what =
    typeof op === 'string' && op !== '' ? [op, ...(args === undefined ? [] : [compact(args)])] : [kind];
  const fields = Object.entries(typeof op === 'string' && op !== '' ? {} : rest)
    .filter(([name, value]) => value !== null && !['by', 'domid', 'hypercall', 'via'].includes(name))
    .map(([name, value]) => `${name}=${compact(value)}`);
  return [`#${seq}`, by, ...what, ...fields].join(' ');
}

/** Payload values without quotes where nothing is lost. */
export function compact(value: Json): string {
  if (typeof value === 'string') return value === '' || /[\s=]/.test(value) ? JSON.stringify(value) : value;
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(compact).join(',')}]`;
  return `{${Object.entries(value)
    .map(([name, inner]) => `${name}:${compact(inner)}`)
    .join(' ')}}`;
}

/** Characters of one value in a list of changes. */
const BRIEF = 120;

/** A value in one short line; of a large one its names, or how many there are. */
export function brief(value: Json): string {
  const text = compact(value);
  if (text.length <= BRIEF || typeof value !== 'object' || value === null) return text;
  if (Array.isArray(value)) return `[${value.length} entries]`;
  const names = Object.keys(value);
  const all = names.join(' ');
  return all.length <= BRIEF ? `{${all}}` : `{${names.length} entries}`;
}

/** Time with nanosecond digits, integer arithmetic only. */
function microseconds(atNs: number): string {
  const rest = atNs % 1000;
  return `${(atNs - rest) / 1000}.${String(rest).padStart(3, '0')}us`;
}
