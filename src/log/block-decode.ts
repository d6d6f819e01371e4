import type { EventSeq, TraceNs } from '../base/brand.js';
import { catalogue, isKindName, type Origin, type TraceEvent } from '../events/catalogue.js';
import type { Field } from '../events/field.js';
import { type BlockSummary, blockEvents } from './block-encode.js';
import { BlockBudget } from './columns/block-budget.js';
import { KindTable } from './columns/kind-table.js';
import { decodeNumbers, type Numbers } from './columns/number-decode.js';
import { decodeTexts, type TextColumn } from './columns/text-column.js';
import { unpackDocument } from './msgpack.js';
import { atOffset, logTrouble } from './trouble.js';
import { type FileTable, type Upcaster, upcast, upcasters } from './upcasters.js';

/**
 * One decoded block: columns, and events on demand. What every event has is decoded at once, the fields of a kind
 * when they are asked for.
 */
export class Block {
  readonly firstSeq: EventSeq;
  readonly count: number;
  /** One table per kind that occurs, in order of first occurrence. */
  readonly tables: readonly KindTable[];
  /** Per event the index of its table. */
  readonly tableIds: Numbers;
  readonly atNs: Numbers;
  readonly origin: TextColumn;
  readonly by: TextColumn;
  /** Per event how many events back its cause is, 0 where it has none. */
  readonly causeDistance: Numbers;

  readonly #offsetBytes: number | undefined;

  /**
   * @param offsetBytes Where its frame stands, for errors found later.
   * @throws {Trouble} LOG-002, LOG-007, LOG-008, LOG-009, LOG-011
   */
  constructor(document: Uint8Array, list: readonly Upcaster[] = upcasters, offsetBytes?: number) {
    this.#offsetBytes = offsetBytes;
    const parts = unpackDocument(document, 'no maps');
    if (!Array.isArray(parts) || parts.length !== 9) throw logTrouble('LOG-009', 'not a block');
    const [schema, firstSeq, count, tables, tableIds, atNs, origin, by, causes] = parts as unknown[];
    if (!isCount(schema)) throw logTrouble('LOG-009', 'no schema version');
    if (schema > list.length) {
      throw logTrouble('LOG-002', '', {
        expected: `schema version up to ${list.length}`,
        actual: `${schema}`,
      });
    }
    if (
      !isCount(firstSeq) ||
      !isCount(count) ||
      count === 0 ||
      !isCount(firstSeq + count) ||
      !Array.isArray(tables)
    ) {
      throw logTrouble('LOG-009', 'not a block');
    }
    if (count > blockEvents) throw logTrouble('LOG-011', `a block of ${count} events`);
    this.firstSeq = firstSeq as EventSeq;
    this.count = count;
    this.tableIds = numbers(tableIds, count, tables.length - 1);
    this.atNs = numbers(atNs, count, Number.MAX_SAFE_INTEGER);
    const budget = new BlockBudget();
    this.origin = decodeTexts(origin, count, false, budget);
    if (!this.origin.table.every((name) => name !== null && origins.has(name))) {
      throw logTrouble('LOG-008', 'unknown origin');
    }
    this.by = decodeTexts(by, count, false, budget);
    this.causeDistance = numbers(causes, count, firstSeq + count - 1);
    if (!causesExist(this.causeDistance, firstSeq, count)) {
      throw logTrouble('LOG-009', 'a cause before the first event');
    }
    this.tables = tables.map((table) => kindTable(table, schema, list, budget));
    this.#checkRows();
  }

  /** Events of the block, oldest first. @throws {Trouble} LOG-008, LOG-009, LOG-011 @cost About 100 ns an event. */
  events(): TraceEvent[] {
    const rows = this.#rows();
    const kinds = this.tables.map((table) => table.kind);
    const at = new Uint32Array(rows.length);
    const events = new Array<TraceEvent>(this.count);
    const { tableIds, atNs, origin, by, causeDistance, firstSeq } = this;
    for (let i = 0; i < events.length; i++) {
      const table = tableIds[i]! | 0;
      const back = causeDistance[i]!;
      const seq = (firstSeq + i) as EventSeq;
      events[i] = {
        seq,
        atNs: atNs[i]! as TraceNs,
        kind: kinds[table]!,
        origin: origin.table[origin.ids[i]!]! as Origin,
        by: by.table[by.ids[i]!]!,
        cause: (back === 0 ? null : seq - back) as EventSeq | null,
        data: rows[table]![at[table]!++],
      } as unknown as TraceEvent;
    }
    return events;
  }

  /** What the index says about this block. A kind may have more than one table in files older than a renaming. */
  summary(): BlockSummary {
    const kinds = new Map<string, number>();
    for (const { kind, count } of this.tables) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
    const origins = new Map<string, number>();
    let fromNs = this.atNs[0]!;
    let toNs = fromNs;
    for (let i = 0; i < this.count; i++) {
      const at = this.atNs[i]!;
      if (at < fromNs) fromNs = at;
      else if (at > toNs) toNs = at;
      const origin = this.origin.table[this.origin.ids[i]!]!;
      origins.set(origin, (origins.get(origin) ?? 0) + 1);
    }
    return { firstSeq: this.firstSeq, count: this.count, fromNs, toNs, kinds, origins };
  }

  /** Decodes every column of every kind, so that whatever is malformed is found. */
  check(): void {
    for (const table of this.tables) table.check();
  }

  #rows(): object[][] {
    try {
      return this.tables.map((table) => table.rows());
    } catch (error) {
      throw this.#offsetBytes === undefined ? error : atOffset(error, this.#offsetBytes);
    }
  }

  #checkRows(): void {
    const rows = countRows(this.tableIds, this.count, this.tables.length);
    for (let i = 0; i < rows.length; i++) {
      const table = this.tables[i]!;
      if (table.count !== rows[i])
        throw logTrouble('LOG-009', `rows of ${table.kind} do not match its events`);
    }
  }
}

function causesExist(distance: Numbers, firstSeq: number, count: number): boolean {
  // A column that is too narrow for a distance beyond the first event of the trace need not be looked at.
  if (distance instanceof Uint8Array && firstSeq >= 0xff) return true;
  for (let i = 0; i < count; i++) if (distance[i]! > firstSeq + i) return false;
  return true;
}

function countRows(tableIds: Numbers, count: number, tables: number): Uint32Array {
  const rows = new Uint32Array(tables);
  for (let i = 0; i < count; i++) rows[tableIds[i]! | 0]!++;
  return rows;
}

const origins: ReadonlySet<string> = new Set<Origin>(['observed', 'simulated', 'inferred']);

function kindTable(wire: unknown, schema: number, list: readonly Upcaster[], budget: BlockBudget): KindTable {
  if (!Array.isArray(wire) || wire.length !== 3) throw logTrouble('LOG-009', 'not a table');
  const [kind, count, fieldList] = wire as unknown[];
  if (typeof kind !== 'string' || !isCount(count) || count > blockEvents || !Array.isArray(fieldList)) {
    throw logTrouble('LOG-009', 'not a table');
  }
  const table: FileTable = { kind, fields: new Map() };
  for (const entry of fieldList as unknown[]) {
    if (!Array.isArray(entry) || entry.length !== 3) throw logTrouble('LOG-009', 'not a field');
    const [name, type, column] = entry as unknown[];
    if (typeof name !== 'string' || typeof type !== 'string' || table.fields.has(name)) {
      throw logTrouble('LOG-009', 'not a field');
    }
    table.fields.set(name, { type, column });
  }
  upcast(table, schema, list);
  if (!isKindName(table.kind)) throw unknown(`kind ${table.kind}`);
  const fields: Readonly<Record<string, Field>> = catalogue[table.kind].fields;
  for (const [name, { type }] of table.fields) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) throw unknown(`field ${table.kind}.${name}`);
    if (wireClass[type] !== wireClass[field.type.is]) throw unknown(`${table.kind}.${name} of type ${type}`);
  }
  for (const [name, field] of Object.entries(fields)) {
    if (!table.fields.has(name) && !field.nullable) throw unknown(`${table.kind} without ${name}`);
  }
  return new KindTable(table.kind, count, table.fields, budget);
}

/** Types that share a column layout: a field may move between them as long as its values fit. */
const wireClass: Readonly<Record<string, string>> = {
  uint: 'number',
  int: 'number',
  sbdf: 'number',
  function: 'number',
  flag: 'flag',
  choice: 'text',
  text: 'text',
  record: 'record',
};

function numbers(bytes: unknown, n: number, high: number): Numbers {
  if (!(bytes instanceof Uint8Array)) throw logTrouble('LOG-009', 'not a number column');
  return decodeNumbers(bytes, n, 0, high);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function unknown(what: string) {
  return logTrouble('LOG-008', what, { hint: 'the trace was written by a newer version of xpr' });
}
