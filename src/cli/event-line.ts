import type { EventLine, Json } from '../events/present.js';

/** One event in one line of text: place, time, kind, who, payload. */
export function eventText({ seq, atNs, kind, by, cause, data }: EventLine): string {
  const fields = Object.entries(data)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${compact(value)}`)
    .join(' ');
  const from = cause === null ? '' : ` <#${cause}`;
  return `#${seq} ${microseconds(atNs)} ${by} ${kind}${from}  ${fields}`.trimEnd();
}

/** Payload values without quotes where nothing is lost. */
export function compact(value: Json): string {
  if (typeof value === 'string') return /[\s=]/.test(value) ? JSON.stringify(value) : value;
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
