import { invariant } from '../../base/assert.js';
import { limits } from '../../base/limits.js';
import type { RecordValue } from '../../events/field.js';
import type { ByteSink } from './byte-sink.js';
import { encodeNumbers } from './number-encode.js';
import { checkText, TextColumnEncoder, type TextWire } from './text-column.js';

/** What a value of a record is; the number stands in the tag column. */
export const valueTag = { null: 0, false: 1, true: 2, number: 3, text: 4, object: 5, array: 6 } as const;

/** Any values: their tags, then per sort of value a column of the rows that have it; nil where no row does. */
export type AnyWire = readonly [
  tags: Uint8Array,
  numbers: Uint8Array | null,
  texts: TextWire | null,
  objects: ObjectWire | null,
  arrays: ArrayWire | null,
];
/** Objects: distinct key lists in order of first use, the shape of each row, and per shape one column per key. */
export type ObjectWire = readonly [
  shapes: readonly (readonly string[])[],
  shapeIds: Uint8Array,
  columns: readonly (readonly AnyWire[])[],
];
/** Arrays: lengths, and all elements one after the other. */
export type ArrayWire = readonly [lengths: Uint8Array, elements: AnyWire];

/**
 * Record values as columns, recursively, so that a hypercall argument costs about a byte.
 * @cost O(values); allocates per column, not per row.
 */
export function encodeAny(rows: readonly RecordValue[], sink: ByteSink, depth = 0): AnyWire {
  invariant(depth <= limits.recordDepth, 'record nested too deeply');
  const n = rows.length;
  sink.budget.addValues(n);
  const tags = new Float64Array(n);
  const numbers = new Float64Array(n);
  let numberCount = 0;
  let texts: string[] | null = null;
  let objects: Readonly<Record<string, RecordValue>>[] | null = null;
  let arrays: (readonly RecordValue[])[] | null = null;
  for (let i = 0; i < n; i++) {
    const value = rows[i]!;
    switch (typeof value) {
      case 'number':
        tags[i] = valueTag.number;
        numbers[numberCount++] = value;
        break;
      case 'string':
        tags[i] = valueTag.text;
        texts ??= [];
        texts.push(value);
        break;
      case 'boolean':
        tags[i] = value ? valueTag.true : valueTag.false;
        break;
      case 'object':
        if (value === null) break;
        if (Array.isArray(value)) {
          tags[i] = valueTag.array;
          arrays ??= [];
          arrays.push(value);
        } else {
          tags[i] = valueTag.object;
          objects ??= [];
          objects.push(value as Readonly<Record<string, RecordValue>>);
        }
        break;
      default:
        invariant(false, `a record holds a ${typeof value}`);
    }
  }
  return [
    encodeNumbers(tags, n, sink),
    numberCount === 0 ? null : encodeNumbers(numbers, numberCount, sink),
    texts === null ? null : encodeTexts(texts, sink),
    objects === null ? null : encodeObjects(objects, sink, depth),
    arrays === null ? null : encodeArrays(arrays, sink, depth),
  ];
}

const textEncoder = new TextColumnEncoder();

function encodeTexts(rows: readonly string[], sink: ByteSink): TextWire {
  const ids = new Float64Array(rows.length);
  textEncoder.start();
  for (let i = 0; i < rows.length; i++) ids[i] = textEncoder.id(rows[i]!);
  return textEncoder.finish(ids, rows.length, sink);
}

interface Shape {
  readonly keys: readonly string[];
  readonly rows: Readonly<Record<string, RecordValue>>[];
  readonly index: number;
}

function encodeObjects(
  rows: readonly Readonly<Record<string, RecordValue>>[],
  sink: ByteSink,
  depth: number,
): ObjectWire {
  const shapes = new Map<string, Shape>();
  const ids = new Float64Array(rows.length);
  let last: Shape | undefined;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    if (last === undefined || !hasShape(row, last.keys)) last = shapeOf(Object.keys(row), shapes);
    last.rows.push(row);
    ids[i] = last.index;
  }
  const list = [...shapes.values()];
  for (const shape of list) sink.budget.addObjects(shape.keys, shape.rows.length);
  return [
    list.map((shape) => shape.keys),
    encodeNumbers(ids, rows.length, sink),
    list.map((shape) =>
      shape.keys.map((key) => {
        const values = new Array<RecordValue>(shape.rows.length);
        for (let i = 0; i < values.length; i++) values[i] = shape.rows[i]![key]!;
        return encodeAny(values, sink, depth + 1);
      }),
    ),
  ];
}

function hasShape(row: Readonly<Record<string, RecordValue>>, keys: readonly string[]): boolean {
  let at = 0;
  for (const key in row) if (keys[at++] !== key) return false;
  return at === keys.length;
}

function shapeOf(keys: readonly string[], shapes: Map<string, Shape>): Shape {
  // Lengths before the keys make the joined text unambiguous.
  const name = keys.map((key) => `${key.length}:${key}`).join('');
  let shape = shapes.get(name);
  if (shape === undefined) {
    for (const key of keys) {
      checkText(key);
      invariant(key !== '__proto__', 'a record has the key __proto__');
    }
    shape = { keys, rows: [], index: shapes.size };
    shapes.set(name, shape);
  }
  return shape;
}

function encodeArrays(rows: readonly (readonly RecordValue[])[], sink: ByteSink, depth: number): ArrayWire {
  const lengths = new Float64Array(rows.length);
  const elements: RecordValue[] = [];
  for (let i = 0; i < rows.length; i++) {
    lengths[i] = rows[i]!.length;
    for (const element of rows[i]!) elements.push(element);
  }
  return [encodeNumbers(lengths, rows.length, sink), encodeAny(elements, sink, depth + 1)];
}
