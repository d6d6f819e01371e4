import type { EventLine, Json } from '../events/present.js';

/** One event in one line of text: place, time, who, kind, payload, the event it follows from. */
export function eventText({ seq, atNs, kind, by, cause, data }: EventLine, width = 0): string {
  const fields = Object.entries(data)
    .filter(([name, value]) => value !== null && !(name === 'by' && value === by))
    .map(([name, value]) => `${name}=${compact(value)}`)
    .join(' ');
  const from = cause === null ? '' : `  <- #${cause}`;
  const place = `#${seq}`.padEnd(width === 0 ? 0 : width + 1);
  return `${place}  ${microseconds(atNs)}  ${by.padEnd(4)} ${kind}  ${fields}`.trimEnd() + from;
}

/** What an event is about, for a narrow column: no time, no fields that say once more who acted. */
export function briefText({ seq, by, kind, data }: EventLine): string {
  const { op, args, ...rest } = data;
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

/** Time with nanosecond digits, integer arithmetic only. */
function microseconds(atNs: number): string {
  const rest = atNs % 1000;
  return `${(atNs - rest) / 1000}.${String(rest).padStart(3, '0')}us`;
}
