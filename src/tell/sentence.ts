import { domids, ownerText, reservedName } from '../base/domid.js';
import { errnoName } from '../base/errno.js';
import { kindOf, type TraceEvent } from '../events/catalogue.js';
import type { FieldType } from '../events/field.js';
import type { BridgeTable } from '../pci/function-id.js';
import { compact } from './event-line.js';
import { type Json, presentEvent } from './present.js';
import { readable } from './readable.js';

/**
 * An event in one line of words, a clause without its full stop: `DMA remapping ends a read of 0xb0000000/05:00.0 as
 * 0000:05:00.1 to 0x20000000: …`. What it says is written beside its fields, in the catalogue.
 */
export function sentence(event: TraceEvent, bridges: BridgeTable): string {
  const { reads, fields } = kindOf(event.kind);
  const row = event.data as Readonly<Record<string, unknown>>;
  const shown = readable(event.kind, presentEvent(event, bridges).data);
  const isWhole = (part: string): boolean => namesIn(part).every((name) => row[name] !== null);
  const filled = (text: string): string =>
    text.replace(FIELD, (_all, name: string, yes?: string, no?: string) => {
      if (yes !== undefined) return row[name] === true ? yes : no!;
      return inWords(fields[name]!.type, row[name], shown[name] ?? null);
    });
  return filled(reads.replace(/\[([^\]]*)\]/g, (_all, part: string) => (isWhole(part) ? part : '')))
    .replace(/ {2,}/g, ' ')
    .trim();
}

/** `{field}` or `{flag?yes:no}`. */
const FIELD = /\{([^?}]+)(?:\?([^:}]*):([^}]*))?\}/g;

/** Fields that a line of the catalogue names. */
export const namesIn = (reads: string): string[] => [...reads.matchAll(FIELD)].map((match) => match[1]!);

function inWords(type: FieldType, value: unknown, shown: Json): string {
  if (type.is === 'uint' && type.of?.is === 'domid') {
    const domid = value as number | null;
    return domid === null || domid === domids.IO || reservedName(domid) === null
      ? ownerText(domid)
      : String(shown);
  }
  if (value === null) return 'nothing';
  return errnoText(type, value) ?? (typeof shown === 'string' ? shown : compact(shown));
}

/** Name of the errno in a field; null where it has none. */
export const errnoText = (type: FieldType, value: unknown): string | null =>
  type.is === 'int' && type.errno !== undefined && typeof value === 'number' && value !== type.errno.but
    ? errnoName(value)
    : null;
