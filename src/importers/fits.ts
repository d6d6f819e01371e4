import { Trouble } from '../base/errors.js';
import { limits } from '../base/limits.js';
import { type KindName, kindNames, kindOf } from '../events/catalogue.js';
import type { Field } from '../events/field.js';
import { Told } from './importer.js';

type NamedField = readonly [name: string, field: Field];

const fieldsOf = new Map<KindName, readonly NamedField[]>(
  kindNames.map((kind) => [kind, Object.entries(kindOf(kind).fields)]),
);

/**
 * Holds what an importer says against the fields of its kind. A foreign file may have any number in any place: what no
 * field can keep ends the import where it stands, and not later, when a block of events is written.
 * @throws {Trouble} IMP-008 with the field; `lines` adds the line
 */
export function checkFits(kind: KindName, data: object): void {
  const values = data as Readonly<Record<string, unknown>>;
  for (const [name, field] of fieldsOf.get(kind)!) {
    const value = values[name];
    if (fits(field, value)) continue;
    throw new Trouble('IMP-008', `a value that ${name} of ${kind} cannot have`, {
      expected: field.doc,
      actual: typeof value === 'object' ? 'an object out of bounds' : String(value).slice(0, 80),
      hint: 'the file is damaged',
    });
  }
}

function fits({ type, nullable }: Field, value: unknown): boolean {
  if (value === null) return nullable;
  switch (type.is) {
    case 'uint':
      return value instanceof Told || isWithin(value, 2 ** type.bits - 1);
    case 'int':
      return Number.isSafeInteger(value);
    case 'flag':
      return typeof value === 'boolean';
    case 'choice':
      return typeof value === 'string' && type.values.includes(value);
    case 'text':
      return isStorable(value);
    case 'sbdf':
      return isWithin(value, 2 ** 32 - 1);
    case 'function':
      return isWithin(value, Number.MAX_SAFE_INTEGER);
    case 'record':
      return typeof value === 'object' && recordFits(value, 0);
  }
}

const isWithin = (value: unknown, most: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;

/** Half a surrogate pair has no bytes. */
const isStorable = (value: unknown): boolean =>
  typeof value === 'string' && value.length <= limits.textLength && !/\p{Surrogate}/u.test(value);

function recordFits(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return true;
  if (typeof value === 'string') return isStorable(value);
  if (typeof value !== 'object' || depth >= limits.recordDepth) return false;
  return Object.entries(value).every(
    ([name, one]) => name !== '__proto__' && isStorable(name) && recordFits(one, depth + 1),
  );
}
