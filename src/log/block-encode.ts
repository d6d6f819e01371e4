import { InvariantError, invariant } from '../base/assert.js';
import { catalogue, type KindName, type TraceEvent } from '../events/catalogue.js';
import type { Field, RecordValue } from '../events/field.js';
import { ByteSink } from './columns/byte-sink.js';
import { encodeNumbers } from './columns/number-encode.js';
import { encodeAny } from './columns/record-encode.js';
import { TextColumnEncoder } from './columns/text-column.js';
import { packDocument } from './msgpack.js';
import { upcasters } from './upcasters.js';

/** Events of a full block. */
export const blockEvents = 4096;

/** A block's row in the index. */
export interface BlockSummary {
  readonly firstSeq: number;
  readonly count: number;
  /** Earliest and latest time; times need not be in order. */
  readonly fromNs: number;
  readonly toNs: number;
  readonly kinds: ReadonlyMap<string, number>;
  readonly origins: ReadonlyMap<string, number>;
}

export interface EncodedBlock {
  readonly document: Uint8Array;
  readonly summary: BlockSummary;
  /** What these events have more of than readers take of one block; null when they fit. */
  readonly excess: string | null;
}

type Row = Readonly<Record<string, unknown>>;

/**
 * Turns up to 4,096 consecutive events into one self-contained document (docs/format.md, "Blocks"). Equal events give
 * equal bytes. One instance encodes all blocks of a file.
 *
 * @cost About 10 ns per field; allocates per column.
 */
export class BlockEncoder {
  readonly #sink = new ByteSink();
  readonly #numbers = new Float64Array(blockEvents);
  readonly #present = new Float64Array(blockEvents);
  readonly #texts = new TextColumnEncoder();

  encode(events: readonly TraceEvent[]): EncodedBlock {
    const first = events[0];
    invariant(first !== undefined && events.length <= blockEvents, 'a block holds 1 to 4096 events');
    this.#sink.reset();
    const n = events.length;
    const rowsByKind = new Map<KindName, Row[]>();
    const kindIndex = new Map<KindName, number>();
    const kinds = new Float64Array(n);
    let lastKind: KindName | undefined;
    let lastIndex = 0;
    let lastRows: Row[] = [];
    for (let i = 0; i < n; i++) {
      const event = events[i]!;
      if (event.seq !== first.seq + i) misplaced(event.seq, first.seq + i);
      if (event.kind !== lastKind) {
        lastKind = event.kind;
        const rows = rowsByKind.get(lastKind);
        if (rows === undefined) {
          lastIndex = kindIndex.size;
          lastRows = [];
          kindIndex.set(lastKind, lastIndex);
          rowsByKind.set(lastKind, lastRows);
        } else {
          lastIndex = kindIndex.get(lastKind)!;
          lastRows = rows;
        }
      }
      kinds[i] = lastIndex;
      lastRows.push(event.data as unknown as Row);
    }
    const tables = [...rowsByKind].map(([kind, rows]) => this.#table(kind, rows));
    const document = [
      upcasters.length,
      first.seq,
      n,
      tables,
      encodeNumbers(kinds, n, this.#sink),
      this.#times(events),
      this.#envelopeTexts(events, (event) => event.origin),
      this.#envelopeTexts(events, (event) => event.by),
      this.#causes(events),
    ];
    const kindCounts = new Map([...rowsByKind].map(([kind, rows]) => [kind as string, rows.length]));
    return {
      document: packDocument(document),
      summary: { ...summariseEnvelopes(events), kinds: kindCounts },
      excess: this.#sink.budget.excess(),
    };
  }

  #times(events: readonly TraceEvent[]): Uint8Array {
    const values = this.#numbers;
    for (let i = 0; i < events.length; i++) {
      const at = events[i]!.atNs;
      if (!(Number.isSafeInteger(at) && at >= 0)) throw new InvariantError(`atNs ${at} is no time`);
      values[i] = at;
    }
    return encodeNumbers(values, events.length, this.#sink);
  }

  #envelopeTexts(events: readonly TraceEvent[], get: (event: TraceEvent) => string) {
    const values = this.#numbers;
    this.#texts.start();
    for (let i = 0; i < events.length; i++) values[i] = this.#texts.id(get(events[i]!));
    return this.#texts.finish(values, events.length, this.#sink);
  }

  /** Distances back to the cause, 0 where there is none: a cause always comes before what follows from it. */
  #causes(events: readonly TraceEvent[]): Uint8Array {
    const values = this.#numbers;
    for (let i = 0; i < events.length; i++) {
      const { cause, seq } = events[i]!;
      if (cause !== null && !(Number.isInteger(cause) && cause >= 0 && cause < seq)) {
        throw new InvariantError(`event ${seq} follows from ${cause}`);
      }
      values[i] = cause === null ? 0 : seq - cause;
    }
    return encodeNumbers(values, events.length, this.#sink);
  }

  #table(kind: KindName, rows: readonly Row[]) {
    const fields: Readonly<Record<string, Field>> = catalogue[kind].fields;
    return [
      kind,
      rows.length,
      Object.entries(fields).map(([name, field]) => [
        name,
        field.type.is,
        this.#column(kind, name, field, rows),
      ]),
    ];
  }

  #column(kind: KindName, name: string, field: Field, rows: readonly Row[]): unknown {
    switch (field.type.is) {
      case 'choice':
      case 'text':
        return this.#textColumn(kind, name, field, rows);
      case 'record': {
        const values = rows.map((row) => row[name] as RecordValue);
        for (const value of values) {
          const fits = value === null ? field.nullable : typeof value === 'object' && !Array.isArray(value);
          if (!fits) wrong(kind, name, value);
        }
        return encodeAny(values, this.#sink);
      }
      case 'flag':
        return this.#numberColumn(kind, name, field, rows, 0, 1);
      case 'int':
        return this.#numberColumn(kind, name, field, rows, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
      case 'uint':
        return this.#numberColumn(kind, name, field, rows, 0, 2 ** field.type.bits - 1);
      default:
        return this.#numberColumn(kind, name, field, rows, 0, Number.MAX_SAFE_INTEGER);
    }
  }

  #numberColumn(kind: KindName, name: string, field: Field, rows: readonly Row[], low: number, high: number) {
    const isFlag = field.type.is === 'flag';
    const values = this.#numbers;
    const present = this.#present;
    let n = 0;
    for (let i = 0; i < rows.length; i++) {
      const given = rows[i]![name];
      if (given === null && field.nullable) {
        present[i] = 0;
        continue;
      }
      if (typeof given !== (isFlag ? 'boolean' : 'number')) wrong(kind, name, given);
      const value = isFlag ? (given ? 1 : 0) : (given as number);
      if (!(value >= low && value <= high) || Math.floor(value) !== value) wrong(kind, name, given);
      present[i] = 1;
      // A negated zero is a zero.
      values[n++] = value + 0;
    }
    const presence = n === rows.length ? null : encodeNumbers(present, rows.length, this.#sink);
    return [presence, encodeNumbers(values, n, this.#sink)];
  }

  #textColumn(kind: KindName, name: string, field: Field, rows: readonly Row[]) {
    const values = this.#numbers;
    const choices = field.type.is === 'choice' ? field.type.values : null;
    let last: unknown = this;
    this.#texts.start();
    for (let i = 0; i < rows.length; i++) {
      const value = rows[i]![name];
      if (value !== last) {
        const fits =
          value === null
            ? field.nullable
            : typeof value === 'string' && (choices === null || choices.includes(value));
        if (!fits) wrong(kind, name, value);
        last = value;
      }
      values[i] = this.#texts.id(value as string | null);
    }
    return this.#texts.finish(values, rows.length, this.#sink);
  }
}

function summariseEnvelopes(events: readonly TraceEvent[]): Omit<BlockSummary, 'kinds'> {
  let fromNs: number = events[0]!.atNs;
  let toNs = fromNs;
  const origins = new Map<string, number>();
  let last = events[0]!.origin;
  let run = 0;
  for (const { atNs, origin } of events) {
    if (atNs < fromNs) fromNs = atNs;
    else if (atNs > toNs) toNs = atNs;
    if (origin !== last) {
      origins.set(last, (origins.get(last) ?? 0) + run);
      last = origin;
      run = 0;
    }
    run++;
  }
  origins.set(last, (origins.get(last) ?? 0) + run);
  return { firstSeq: events[0]!.seq, count: events.length, fromNs, toNs, origins };
}

/** A number that breaks the sequence. Its text is made only then: a template per event would cost more than encoding it. */
export function misplaced(seq: number, expected: number): never {
  throw new InvariantError(`event ${seq} stands where ${expected} belongs`);
}

function wrong(kind: KindName, name: string, value: unknown): never {
  throw new InvariantError(`${kind}.${name} cannot be ${JSON.stringify(value)}`);
}
