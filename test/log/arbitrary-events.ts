import fc from 'fast-check';
import { catalogue, type KindName, kindNames, type TraceEvent } from '../../src/events/catalogue.js';
import type { Field, RecordValue } from '../../src/events/field.js';

const max = Number.MAX_SAFE_INTEGER;

/** Texts with everything UTF-8 can hold. */
const anyText = fc.string({ unit: 'binary', maxLength: 12 });

const recordValue: fc.Arbitrary<RecordValue> = fc.letrec<{ value: RecordValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.integer({ min: 0, max: 300 }),
    fc.maxSafeInteger(),
    fc.double(),
    anyText,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    recordKeys(tie('value')),
  ),
})).value;

function recordKeys(value: fc.Arbitrary<RecordValue>) {
  const key = fc.oneof(
    fc.constantFrom('seg', 'bus', 'devfn', 'flags', 'addr', 'constructor', '0', ''),
    anyText,
  );
  return fc
    .dictionary(
      key.filter((name) => name !== '__proto__'),
      value,
      { maxKeys: 5 },
    )
    .map((entries) => ({ ...entries }));
}

const anyRecord = recordKeys(recordValue);

/** Any value a field can have, with the extremes made likely. */
function fieldValue(field: Field): fc.Arbitrary<unknown> {
  const value = plainValue(field);
  return field.nullable ? fc.option(value) : value;
}

function plainValue({ type }: Field): fc.Arbitrary<unknown> {
  switch (type.is) {
    case 'uint': {
      const top = 2 ** type.bits - 1;
      return fc.oneof(fc.nat({ max: Math.min(top, 300) }), fc.constantFrom(0, 1, top - 1, top), wide(0, top));
    }
    case 'int':
      return fc.oneof(fc.integer({ min: -130, max: 70 }), fc.constantFrom(-max, max, 0), wide(-max, max));
    case 'flag':
      return fc.boolean();
    case 'choice':
      return fc.constantFrom(...type.values);
    case 'text':
      return anyText;
    case 'sbdf':
    case 'function':
      return fc.oneof(fc.nat({ max: 0x1_ffff }), fc.nat({ max: 0xffff_ffff }));
    case 'record':
      return anyRecord;
  }
}

function wide(min: number, top: number) {
  return fc.maxSafeInteger().map((n) => {
    const span = top - min + 1;
    return Number.isSafeInteger(span) ? min + (Math.abs(n) % span) : n < min ? -n : n;
  });
}

function dataOf(kind: KindName): fc.Arbitrary<unknown> {
  const fields: Readonly<Record<string, Field>> = catalogue[kind].fields;
  return fc.record(
    Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldValue(field)])),
    { noNullPrototype: true },
  );
}

const anyTime = fc.oneof(
  fc.nat({ max: 5000 }),
  fc.constantFrom(0, max, max - 1),
  fc.maxSafeInteger().map(Math.abs),
);

/** One event of a given kind, not yet in a log. */
export function anyDraft(kind: KindName) {
  return fc.record(
    {
      kind: fc.constant(kind),
      atNs: anyTime,
      origin: fc.constantFrom('observed', 'simulated', 'inferred'),
      by: fc.oneof(fc.constantFrom('xen', 'hw', 'd0', 'd1', 'toolstack', 'dm:qemu'), anyText),
      back: fc.option(fc.nat({ max: 20 })),
      data: dataOf(kind),
    },
    { noNullPrototype: true },
  );
}

/** A log of any events of the catalogue. */
export function anyEvents(constraints: { maxLength: number }): fc.Arbitrary<TraceEvent[]> {
  const draft = fc.constantFrom(...kindNames).chain(anyDraft);
  return fc.array(draft, constraints).map((drafts) =>
    drafts.map(
      ({ back, ...rest }, seq) =>
        ({
          seq,
          ...rest,
          cause: back === null || back >= seq ? null : seq - 1 - back,
        }) as unknown as TraceEvent,
    ),
  );
}
