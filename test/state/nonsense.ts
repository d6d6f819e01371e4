import type { Prng } from '../../src/base/prng.js';
import { kindNames, kindOf, type TraceEvent } from '../../src/events/catalogue.js';
import type { Field, RecordObject, RecordValue } from '../../src/events/field.js';

/** Texts that have tripped reducers: names every object is born with, paths without a slash, far too deep ones. */
const texts: readonly string[] = [
  'constructor',
  '__proto__',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '',
  '/',
  '//',
  '/a',
  '/a/',
  '/a//b',
  '/a/b/c',
  '/constructor',
  '/__proto__/toString',
  'a',
  'local/domain/1',
  '@introduceDomain',
  `/${'d/'.repeat(1_500)}e`,
  `/${'d/'.repeat(20_000)}e`,
  'k0',
  'k1',
  'c1',
  'xl1',
  '0',
  '1',
  '-1',
  'TRANSACTION_START',
  'no number',
  '1e999',
  '0000:00:01.0 constructor',
];

const numbers: readonly number[] = [
  0,
  1,
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  16,
  32,
  33,
  34,
  63,
  64,
  255,
  256,
  4095,
  0xffff,
  0x1_0000,
  0x7fff_ffff,
  0xffff_ffff,
  2 ** 40 + 1,
  Number.MAX_SAFE_INTEGER,
];

/** An event that the catalogue allows and no machine would have made. */
export function nonsense(prng: Prng, seq: number): TraceEvent {
  const kind = prng.pick(kindNames);
  const data: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(kindOf(kind).fields)) data[name] = anyValue(prng, field);
  const cause = seq === 0 || prng.below(3) === 0 ? null : prng.below(seq);
  return {
    seq,
    atNs: seq,
    kind,
    origin: 'observed',
    by: prng.pick(texts),
    cause,
    data,
  } as unknown as TraceEvent;
}

/** A value the field can have, extreme ones likely. */
export function anyValue(prng: Prng, { type, nullable }: Field): unknown {
  if (nullable && prng.below(4) === 0) return null;
  switch (type.is) {
    case 'uint': {
      const most = 2 ** type.bits - 1;
      // Mostly small ones, so that events meet one another.
      const value = prng.below(5) > 1 ? prng.below(3) : prng.pick(numbers);
      return Math.min(value, most);
    }
    case 'int':
      return prng.below(2) === 0 ? prng.pick(numbers) : -prng.pick(numbers.slice(1));
    case 'flag':
      return prng.below(2) === 0;
    case 'choice':
      return prng.pick(type.values);
    case 'text':
      return prng.pick(texts);
    case 'sbdf':
      return prng.pick(numbers) % 2 ** 32;
    case 'function':
      return prng.pick(numbers);
    case 'record':
      return recordOf(prng, 3);
  }
}

function recordOf(prng: Prng, depth: number): RecordObject {
  const names = [
    ...texts.slice(0, 12).filter((name) => name !== '__proto__'),
    '0',
    '1',
    '4096',
    'ports',
    'done',
  ];
  const count = prng.below(4);
  return Object.fromEntries(
    Array.from({ length: count }, () => [prng.pick(names), recordValueOf(prng, depth - 1)]),
  );
}

function recordValueOf(prng: Prng, depth: number): RecordValue {
  switch (prng.below(depth > 0 ? 6 : 4)) {
    case 0:
      return prng.pick(numbers);
    case 1:
      return prng.pick(texts.slice(0, 17));
    case 2:
      return prng.below(2) === 0;
    case 3:
      return null;
    case 4:
      return recordOf(prng, depth);
    default:
      return Array.from({ length: prng.below(3) }, () => recordValueOf(prng, depth - 1));
  }
}
