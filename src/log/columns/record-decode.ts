import { limits } from '../../base/limits.js';
import type { RecordValue } from '../../events/field.js';
import { logTrouble } from '../trouble.js';
import type { BlockBudget } from './block-budget.js';
import { decodeNumbers, type Numbers } from './number-decode.js';
import { valueTag } from './record-encode.js';
import { checkBudget, decodeTexts, type TextColumn } from './text-column.js';

/** Decoded columns of record values; rows become objects only on demand. */
export interface AnyColumn {
  readonly n: number;
  readonly tags: Numbers;
  /** Numbers of the rows that are numbers, in order; the same for the others. */
  readonly numbers: Numbers;
  readonly texts: TextColumn | null;
  readonly objects: ObjectColumn | null;
  readonly arrays: ArrayColumn | null;
}
export interface ObjectColumn {
  readonly n: number;
  readonly shapes: readonly (readonly string[])[];
  readonly shapeIds: Numbers;
  readonly columns: readonly (readonly AnyColumn[])[];
}
export interface ArrayColumn {
  readonly n: number;
  readonly lengths: Numbers;
  readonly elements: AnyColumn;
}

const none = new Uint8Array(0);

/**
 * Checks and decodes record columns of `n` rows.
 * @param budget What was decoded of the block; bounds what a forged one can make us allocate.
 * @throws {Trouble} LOG-009, LOG-011
 */
export function decodeAny(wire: unknown, n: number, budget: BlockBudget, depth = 0): AnyColumn {
  if (depth > limits.recordDepth) throw logTrouble('LOG-011', 'record nested too deeply');
  budget.addValues(n);
  checkBudget(budget);
  const [tagBytes, numberBytes, textWire, objectWire, arrayWire] = list(wire, 5);
  const tags = numbers(tagBytes, n, 0, valueTag.array);
  let numberCount = 0;
  let textCount = 0;
  let objectCount = 0;
  let arrayCount = 0;
  for (let i = 0; i < n; i++) {
    const tag = tags[i]!;
    if (tag === valueTag.number) numberCount++;
    else if (tag === valueTag.text) textCount++;
    else if (tag === valueTag.object) objectCount++;
    else if (tag === valueTag.array) arrayCount++;
  }
  present(numberBytes, numberCount);
  present(textWire, textCount);
  present(objectWire, objectCount);
  present(arrayWire, arrayCount);
  return {
    n,
    tags,
    numbers:
      numberCount === 0
        ? none
        : numbers(numberBytes, numberCount, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY),
    texts: textCount === 0 ? null : decodeTexts(textWire, textCount, false, budget),
    objects: objectCount === 0 ? null : decodeObjects(objectWire, objectCount, budget, depth),
    arrays: arrayCount === 0 ? null : decodeArrays(arrayWire, arrayCount, budget, depth),
  };
}

function decodeObjects(wire: unknown, n: number, budget: BlockBudget, depth: number): ObjectColumn {
  const [shapeList, idBytes, columnList] = list(wire, 3);
  const shapes = list(shapeList);
  for (const shape of shapes) checkShape(shape);
  const shapeIds = numbers(idBytes, n, 0, shapes.length - 1);
  const rows = new Array<number>(shapes.length).fill(0);
  for (let i = 0; i < n; i++) rows[shapeIds[i]!]!++;
  shapes.forEach((shape, i) => {
    budget.addObjects(shape as string[], rows[i]!);
  });
  checkBudget(budget);
  const perShape = list(columnList, shapes.length);
  const columns = (shapes as string[][]).map((keys, shape) =>
    list(perShape[shape], keys.length).map((column) => decodeAny(column, rows[shape]!, budget, depth + 1)),
  );
  return { n, shapes: shapes as string[][], shapeIds, columns };
}

function checkShape(shape: unknown): void {
  const keys = list(shape);
  if (
    !keys.every((key) => typeof key === 'string' && key !== '__proto__') ||
    new Set(keys).size !== keys.length
  ) {
    throw logTrouble('LOG-009', 'record with impossible keys');
  }
}

function decodeArrays(wire: unknown, n: number, budget: BlockBudget, depth: number): ArrayColumn {
  const [lengthBytes, elements] = list(wire, 2);
  const lengths = numbers(lengthBytes, n, 0, Number.MAX_SAFE_INTEGER);
  let total = 0;
  for (let i = 0; i < n; i++) total += lengths[i]!;
  return { n, lengths, elements: decodeAny(elements, total, budget, depth + 1) };
}

/** The rows as values. */
export function materialiseAny(column: AnyColumn): RecordValue[] {
  const { n, tags, numbers: numberRows, texts } = column;
  const objects = column.objects === null ? [] : materialiseObjects(column.objects);
  const arrays = column.arrays === null ? [] : materialiseArrays(column.arrays);
  const rows = new Array<RecordValue>(n);
  let atNumber = 0;
  let atText = 0;
  let atObject = 0;
  let atArray = 0;
  for (let i = 0; i < n; i++) {
    switch (tags[i]) {
      case valueTag.null:
        rows[i] = null;
        break;
      case valueTag.false:
        rows[i] = false;
        break;
      case valueTag.true:
        rows[i] = true;
        break;
      case valueTag.number:
        rows[i] = numberRows[atNumber++]!;
        break;
      case valueTag.text:
        rows[i] = texts!.table[texts!.ids[atText++]!]!;
        break;
      case valueTag.object:
        rows[i] = objects[atObject++]!;
        break;
      default:
        rows[i] = arrays[atArray++]!;
    }
  }
  return rows;
}

function materialiseObjects(column: ObjectColumn): Record<string, RecordValue>[] {
  const perShape = column.shapes.map((keys, shape) => {
    const columns = column.columns[shape]!;
    const first = columns[0];
    const values = columns.map(materialiseAny);
    const rows: Record<string, RecordValue>[] = [];
    for (let i = 0; i < (first?.n ?? 0); i++) {
      const row: Record<string, RecordValue> = {};
      for (let k = 0; k < keys.length; k++) row[keys[k]!] = values[k]![i]!;
      rows.push(row);
    }
    return rows;
  });
  const at = new Array<number>(perShape.length).fill(0);
  const rows = new Array<Record<string, RecordValue>>(column.n);
  // A shape without keys has no columns to count its rows by: each is a fresh empty object.
  for (let i = 0; i < column.n; i++) {
    const shape = column.shapeIds[i]!;
    rows[i] = perShape[shape]![at[shape]!++] ?? {};
  }
  return rows;
}

function materialiseArrays(column: ArrayColumn): RecordValue[][] {
  const elements = materialiseAny(column.elements);
  const rows: RecordValue[][] = [];
  let at = 0;
  for (let i = 0; i < column.n; i++) {
    const end = at + column.lengths[i]!;
    rows.push(elements.slice(at, end));
    at = end;
  }
  return rows;
}

function numbers(bytes: unknown, n: number, low: number, high: number): Numbers {
  if (!(bytes instanceof Uint8Array)) throw logTrouble('LOG-009', 'not a number column');
  return decodeNumbers(bytes, n, low, high);
}

function list(value: unknown, count?: number): unknown[] {
  if (!Array.isArray(value) || (count !== undefined && value.length !== count)) {
    throw logTrouble('LOG-009', 'not a record column');
  }
  return value;
}

function present(wire: unknown, count: number): void {
  if ((wire === null) !== (count === 0))
    throw logTrouble('LOG-009', 'record column without or beside its rows');
}
