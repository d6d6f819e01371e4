import {
  type Static,
  type TProperties,
  type TSchema,
  Array as TypeArray,
  Boolean as TypeBoolean,
  Enum as TypeEnum,
  Integer as TypeInteger,
  Null as TypeNull,
  Object as TypeObject,
  Optional as TypeOptional,
  Record as TypeRecord,
  Refine as TypeRefine,
  String as TypeString,
  Tuple as TypeTuple,
  Union as TypeUnion,
  Unknown as TypeUnknown,
  Unsafe as TypeUnsafe,
} from 'typebox';
import { Check, Errors } from 'typebox/value';

/** What is wrong with a value of plain data, and where: `bridges[0].cfgBase`. */
export interface Misfit {
  readonly path: string;
  readonly expected: string;
}

/**
 * Why a value is not what a schema of this file says; null when it is. Interpreted, not compiled: a page may not make
 * code. @param root What the value is called; empty for none.
 */
export function misfitOf(schema: TSchema, value: unknown, root: string): Misfit | null {
  if (Check(schema, value)) return null;
  const wrong = Errors(schema, value).map((error) => {
    const steps = error.instancePath.split('/').slice(1).map(unescaped);
    if (error.keyword === 'required') steps.push(error.params.requiredProperties[0] ?? '');
    if (error.keyword === 'additionalProperties') steps.push(error.params.additionalProperties[0] ?? '');
    return steps;
  });
  // Of an entry that is wrong in one of several ways the place is the same; the first one in the order of the schema.
  const steps = wrong[0] ?? [];
  return { path: pathOf(root, steps), expected: meantAt(schema, value, steps) };
}

const unescaped = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');

const pathOf = (root: string, steps: readonly string[]): string =>
  steps.reduce((path, step) => {
    if (/^\d+$/.test(step)) return `${path}[${step}]`;
    return path === '' ? step : `${path}.${step}`;
  }, root);

/** What is expected where nothing is. */
export const noSuchEntry = 'no such entry';

/** What the schema of a place is called in words. */
function meantAt(schema: TSchema, value: unknown, steps: readonly string[]): string {
  let at: unknown = schema;
  for (const step of steps) {
    const { anyOf, properties, items, patternProperties } = at as Nested;
    const inside = anyOf?.find((one) => 'properties' in one || 'items' in one) as Nested | undefined;
    const entries = properties ?? inside?.properties;
    if (entries !== undefined) at = entries[step];
    else if (patternProperties !== undefined) at = Object.values(patternProperties)[0];
    else {
      const list = items ?? inside?.items;
      at = Array.isArray(list) ? list[Number(step)] : list;
    }
    if (at === undefined) return noSuchEntry;
  }
  return (at as { readonly description?: string }).description ?? typeof value;
}

interface Nested {
  readonly anyOf?: readonly object[];
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly patternProperties?: Readonly<Record<string, unknown>>;
  readonly items?: unknown;
}

export const text = TypeString({ description: 'a text' });
export const flag = TypeBoolean({ description: 'true or false' });
export const anything = TypeUnknown({ description: 'something' });
export const wholeNumber = TypeInteger({
  minimum: Number.MIN_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'a whole number',
});

/** A whole number from 0 on; anything exact unless `most` is given. */
export const number = (most: number = Number.MAX_SAFE_INTEGER) =>
  TypeInteger({
    minimum: 0,
    maximum: most,
    description: most === Number.MAX_SAFE_INTEGER ? 'a whole number' : `a number from 0 to ${most}`,
  });

export const oneOf = <const Choice extends string[]>(...choices: readonly [...Choice]) =>
  TypeEnum(choices, { description: choices.join(', ') });

/** Bytes, in one of some sizes. */
export const bytes = (...sizes: readonly number[]) =>
  TypeRefine(
    TypeUnsafe<Uint8Array>({ description: sizes.length === 0 ? 'bytes' : `${sizes.join(' or ')} bytes` }),
    (value) => value instanceof Uint8Array && (sizes.length === 0 || sizes.includes(value.length)),
  );

export const orNull = <Schema extends TSchema>(schema: Schema) =>
  TypeUnion([schema, TypeNull()], { description: `${describedAs(schema)}, or null` });

export const pair = <Schema extends TSchema>(schema: Schema) =>
  TypeTuple([schema, schema], { description: 'a list of two' });

export const list = <Schema extends TSchema>(schema: Schema) => TypeArray(schema, { description: 'a list' });

/** A map with these entries. Others are left alone: a newer release may have more to say. */
export const map = <const Entries extends TProperties>(entries: Entries) =>
  TypeObject(entries, { description: 'a map' });

/** A map with these entries and no others. */
export const closedMap = <const Entries extends TProperties>(entries: Entries) =>
  TypeObject(entries, { description: 'a map', additionalProperties: false });

export const countMap = TypeRecord(TypeString(), wholeNumber, { description: 'a map of whole numbers' });

export const textMap = TypeRefine(
  TypeRecord(TypeString(), text, { description: 'a map of texts' }),
  // An empty one has no entry that could be wrong.
  (value) => !(value instanceof Uint8Array),
);

export const optional = <Schema extends TSchema>(schema: Schema) => TypeOptional(schema);

const describedAs = (schema: TSchema): string =>
  (schema as { readonly description?: string }).description ?? 'a value';

/** A type as its values lie in a file: brands and read-only marks are gone. */
export type Plain<T> = T extends Uint8Array
  ? Uint8Array
  : T extends number
    ? number
    : T extends string | boolean | null | undefined
      ? T
      : T extends object
        ? { -readonly [K in keyof T]: Plain<T[K]> }
        : T;

type Whole<T> = T extends Uint8Array ? Uint8Array : T extends object ? { [K in keyof T]-?: Whole<T[K]> } : T;

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/**
 * `true` where a schema says what a type says: each can stand for the other, and no optional entry is missing in one of
 * them.
 */
export type Says<Schema extends TSchema, T> =
  Same<Static<Schema>, Plain<T>> extends true ? Same<Whole<Static<Schema>>, Whole<Plain<T>>> : false;
