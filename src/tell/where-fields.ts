import { Trouble, type TroubleDetail } from '../base/errors.js';
import { parseInteger } from '../base/hex.js';
import { didYouMean } from '../base/near.js';
import { catalogue, kindNames } from '../events/catalogue.js';
import type { Field, FieldType } from '../events/field.js';

/** What a field of a filter may hold: one entry for every kind of event that has it. */
export type Known = readonly FieldType[];

/** Beside what a payload field has: texts of a closed set, or of any. */
const envelope: Readonly<Record<string, Known>> = {
  seq: [{ is: 'uint', bits: 53, print: 'dec' }],
  atNs: [{ is: 'uint', bits: 53, print: 'dec' }],
  kind: [{ is: 'choice', values: kindNames }],
  role: [{ is: 'choice', values: ['input', 'outcome'] }],
  origin: [{ is: 'choice', values: ['observed', 'simulated', 'inferred'] }],
  by: [{ is: 'text' }],
  cause: [{ is: 'uint', bits: 53, print: 'dec' }],
};

/** Payload fields by name, over all kinds. */
const payload: ReadonlyMap<string, Known> = (() => {
  const found = new Map<string, FieldType[]>();
  for (const kind of kindNames) {
    const fields: Readonly<Record<string, Field>> = catalogue[kind].fields;
    for (const [name, { type }] of Object.entries(fields)) {
      found.set(name, [...(found.get(name) ?? []), type]);
    }
  }
  return found;
})();

/** Every name a filter may begin with. */
export const fieldNames: readonly string[] = [...Object.keys(envelope), ...[...payload.keys()].sort()];

/**
 * What a field may hold; a place inside a record may hold anything.
 * @param at Where the field stands in the filter.
 * @throws {Trouble} WHERE-002 no event has it
 */
export function knownField(field: string, at: TroubleDetail['at']): Known {
  if (Object.hasOwn(envelope, field)) return envelope[field]!;
  const [name = '', ...inside] = field.split('.').slice(field.startsWith('data.') ? 1 : 0);
  const types = payload.get(name);
  if (types !== undefined && inside.length === 0) return types;
  if (types?.some(({ is }) => is === 'record') === true) return [{ is: 'text' }];
  throw new Trouble('WHERE-002', `no event has a field ${field}`, {
    ...(at === undefined ? {} : { at }),
    actual: field,
    hint: [
      types === undefined ? didYouMean(name, fieldNames) : `${name} has no parts`,
      'xpr events --json lists the fields of every kind',
    ]
      .filter((part) => part !== null)
      .join('; '),
  });
}

/**
 * Refuses a comparison that holds for no event or for all of them, whatever the trace.
 * @throws {Trouble} WHERE-003 the field never has such a value
 */
export function checkValue(
  field: string,
  known: Known,
  operator: string,
  value: string,
  at: TroubleDetail['at'],
): void {
  if (known.some((type) => canHold(type, operator, value))) return;
  const closed = [...new Set(known.flatMap((type) => (type.is === 'choice' ? type.values : [])))];
  throw new Trouble('WHERE-003', `${field} is never ${operator === '==' ? '' : `${operator} `}${value}`, {
    ...(at === undefined ? {} : { at }),
    actual: value,
    expected: closed.length > 0 && closed.length <= FEW ? closed.join(', ') : expectedOf(known),
    hint:
      didYouMean(value, closed) ??
      (field === 'kind' ? 'xpr events lists the kinds' : 'xpr events --json says what a field holds'),
  });
}

/** Values that fit into a hint. */
const FEW = 16;

function canHold(type: FieldType, operator: string, value: string): boolean {
  const isNumber = parseInteger(value) !== null || /^-\d+$/.test(value);
  if (operator === '~') return type.is !== 'choice' || type.values.some((one) => one.includes(value));
  if (operator !== '==' && operator !== '!=') {
    return (
      isNumber && (type.is === 'uint' || type.is === 'int' || type.is === 'text' || type.is === 'record')
    );
  }
  // A field that is missing or null reads as null.
  if (value === 'null') return true;
  switch (type.is) {
    case 'uint':
      return isNumber && !value.startsWith('-');
    case 'int':
      return isNumber;
    case 'flag':
      return value === 'true' || value === 'false';
    case 'choice':
      return type.values.includes(value);
    case 'sbdf':
      return /^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(value);
    case 'function':
      return /^(0x[0-9a-f]+|\?\d+)\/[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(value);
    case 'text':
    case 'record':
      return true;
  }
}

function expectedOf(known: Known): string {
  const shapes = known.map(({ is }) =>
    is === 'uint' || is === 'int'
      ? 'a number'
      : is === 'flag'
        ? 'true or false'
        : is === 'sbdf'
          ? 'ssss:bb:dd.f'
          : is === 'function'
            ? '0x<cfgBase>/bb:dd.f'
            : is === 'choice'
              ? 'one of a list'
              : 'a text',
  );
  return [...new Set(shapes)].join(', ');
}
