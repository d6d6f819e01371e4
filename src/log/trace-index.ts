import { type BlockSummary, blockEvents } from './block-encode.js';
import { ByteSink } from './columns/byte-sink.js';
import { decodeNumbers } from './columns/number-decode.js';
import { encodeNumbers } from './columns/number-encode.js';
import { digestBytes } from './digest.js';
import { checkSources, type Provenance } from './header.js';
import { packDocument, unpackDocument } from './msgpack.js';
import { logTrouble } from './trouble.js';
import { kindSince, upcasters } from './upcasters.js';

/** Where one block lies and what is in it. */
export interface BlockRow extends BlockSummary {
  /** Offset and size of its frame, and the frame's ordinal. */
  readonly offsetBytes: number;
  readonly frameBytes: number;
  readonly ordinal: number;
  /** Running digest after it. */
  readonly digest: Uint8Array;
}

export interface SnapshotRow {
  readonly offsetBytes: number;
  readonly frameBytes: number;
  readonly ordinal: number;
  /** The first event that is not in it. */
  readonly nextSeq: number;
}

/** Columns of numbers the index keeps per block and per snapshot, in file order. */
const blockColumns = ['offsetBytes', 'frameBytes', 'ordinal', 'firstSeq', 'count', 'fromNs', 'toNs'] as const;
const snapshotColumns = ['offsetBytes', 'frameBytes', 'ordinal', 'nextSeq'] as const;

/**
 * The index of a trace: some 90 bytes per block in typed arrays, the only thing that grows with a log's length.
 * Built while writing, or by a scan when a file has no end.
 */
export class TraceIndex {
  readonly blocks: Columns<(typeof blockColumns)[number]>;
  readonly snapshots: Columns<(typeof snapshotColumns)[number]>;
  /** Events by kind and by origin in the whole trace, in order of first occurrence. */
  readonly kinds: Map<string, number>;
  readonly origins: Map<string, number>;
  /** The files the trace was made of: told, but not part of what was recorded, so outside the digest. */
  sources: readonly Provenance[] = [];
  readonly #headerDigest: Uint8Array;
  #digests: Uint8Array;
  /** Per kind a bit per block, so that a search for a rare kind skips blocks. */
  readonly #kindBlocks: Map<string, Uint8Array>;

  constructor(headerDigest: Uint8Array) {
    this.blocks = new Columns(blockColumns);
    this.snapshots = new Columns(snapshotColumns);
    this.kinds = new Map();
    this.origins = new Map();
    this.#headerDigest = headerDigest;
    this.#digests = new Uint8Array(64 * digestBytes);
    this.#kindBlocks = new Map();
  }

  /** Events in the trace. */
  get events(): number {
    const last = this.blocks.length - 1;
    return last < 0 ? 0 : this.blocks.at('firstSeq', last) + this.blocks.at('count', last);
  }

  addBlock(row: BlockRow): void {
    const index = this.blocks.length;
    this.blocks.push(row);
    this.#digests = grown(this.#digests, (index + 1) * digestBytes);
    this.#digests.set(row.digest, index * digestBytes);
    for (const [kind, count] of row.kinds) {
      this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + count);
      const bits = grown(this.#kindBlocks.get(kind) ?? new Uint8Array(8), (index >> 3) + 1);
      bits[index >> 3]! |= 1 << (index & 7);
      this.#kindBlocks.set(kind, bits);
    }
    for (const [origin, count] of row.origins)
      this.origins.set(origin, (this.origins.get(origin) ?? 0) + count);
  }

  addSnapshot(row: SnapshotRow): void {
    this.snapshots.push(row);
  }

  /** Leaves out snapshots by their offset. */
  keepSnapshots(keeps: (offsetBytes: number) => boolean): void {
    this.snapshots.filter((row) => keeps(this.snapshots.at('offsetBytes', row)));
  }

  /** Running digest after block `index`; -1 gives the header's. */
  digest(index: number): Uint8Array {
    return index < 0
      ? this.#headerDigest
      : this.#digests.subarray(index * digestBytes, (index + 1) * digestBytes);
  }

  /** Whether block `index` holds an event of `kind`. */
  hasKind(index: number, kind: string): boolean {
    const bits = this.#kindBlocks.get(kind);
    return bits !== undefined && (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
  }

  /** The block that holds event `seq`. @throws {Trouble} LOG-015 @cost O(log blocks) */
  blockOf(seq: number): number {
    if (!Number.isInteger(seq) || seq < 0 || seq >= this.events) {
      throw logTrouble('LOG-015', '', { expected: `0 to ${this.events - 1}`, actual: String(seq) });
    }
    return this.blocks.lastNotAbove('firstSeq', seq);
  }

  encode(): Uint8Array {
    const n = this.blocks.length;
    const sink = new ByteSink();
    const kinds = [...this.kinds];
    const origins = [...this.origins];
    return packDocument([
      upcasters.length,
      this.blocks.encode(sink),
      this.snapshots.encode(sink),
      this.#digests.subarray(0, n * digestBytes),
      kinds.map(([kind, count]) => [
        kind,
        count,
        grown(this.#kindBlocks.get(kind)!, (n + 7) >> 3).subarray(0, (n + 7) >> 3),
      ]),
      origins,
      this.#headerDigest,
      ...(this.sources.length === 0 ? [] : [this.sources]),
    ]);
  }

  /** @throws {Trouble} LOG-007, LOG-009, LOG-010 */
  static decode(document: Uint8Array, headerDigest: Uint8Array): TraceIndex {
    const parts = unpackDocument(document, 'maps');
    if (!Array.isArray(parts) || (parts.length !== 7 && parts.length !== 8)) bad('wrong shape');
    const [schema, blocks, snapshots, digests, kinds, origins, ofHeader, sources] = parts as unknown[];
    if (!Number.isInteger(schema)) bad('schema version');
    const index = new TraceIndex(headerDigest);
    if (sources !== undefined) index.sources = checkSources(sources);
    if (!(ofHeader instanceof Uint8Array) || !headerDigest.every((byte, i) => byte === ofHeader[i])) {
      bad('it belongs to another header');
    }
    // Every block brings 32 bytes of digest, so the announced number is bounded by what is really there.
    if (!(digests instanceof Uint8Array) || digests.length % digestBytes !== 0) bad('digests');
    const n = digests.length / digestBytes;
    index.blocks.decode(blocks, n);
    index.#digests = digests.slice();
    if (!Array.isArray(snapshots)) bad('snapshots');
    index.snapshots.decode(snapshots, n);
    if (!Array.isArray(kinds) || !Array.isArray(origins)) bad('kinds');
    for (const entry of kinds as unknown[]) {
      if (!Array.isArray(entry) || entry.length !== 3) bad('kinds');
      const [kind, count, bits] = entry as unknown[];
      if (typeof kind !== 'string' || typeof count !== 'number' || !(bits instanceof Uint8Array))
        bad('kinds');
      if (bits.length !== (n + 7) >> 3) bad('kinds');
      const name = kindSince(kind, schema as number);
      index.kinds.set(name, (index.kinds.get(name) ?? 0) + count);
      const merged = bits.map((byte, i) => byte | (index.#kindBlocks.get(name)?.[i] ?? 0));
      index.#kindBlocks.set(name, merged);
    }
    for (const entry of origins as unknown[]) {
      if (!Array.isArray(entry) || typeof entry[0] !== 'string' || typeof entry[1] !== 'number')
        bad('origins');
      index.origins.set(entry[0], entry[1]);
    }
    index.#check();
    return index;
  }

  #check(): void {
    let nextSeq = 0;
    let end = 0;
    const { blocks, snapshots } = this;
    for (let i = 0; i < blocks.length; i++) {
      if (blocks.at('firstSeq', i) !== nextSeq || blocks.at('count', i) < 1) bad(`block ${i} leaves a gap`);
      if (blocks.at('count', i) > blockEvents) bad(`block ${i} of ${blocks.at('count', i)} events`);
      if (blocks.at('offsetBytes', i) < end) bad(`block ${i} overlaps`);
      nextSeq += blocks.at('count', i);
      end = blocks.at('offsetBytes', i) + blocks.at('frameBytes', i);
    }
    for (let i = 0; i < snapshots.length; i++) {
      if (snapshots.at('nextSeq', i) > nextSeq) bad(`snapshot ${i} is of events that are not there`);
      if (i > 0 && snapshots.at('nextSeq', i) < snapshots.at('nextSeq', i - 1))
        bad(`snapshot ${i} out of order`);
    }
  }
}

/** Named columns of numbers that grow together. */
export class Columns<Name extends string> {
  length = 0;
  readonly #names: readonly Name[];
  readonly #values: Record<Name, Float64Array>;

  constructor(names: readonly Name[]) {
    this.#names = names;
    this.#values = Object.fromEntries(names.map((name) => [name, new Float64Array(16)])) as Record<
      Name,
      Float64Array
    >;
  }

  push(row: Readonly<Record<Name, number>>): void {
    for (const name of this.#names) {
      let column = this.#values[name];
      if (this.length === column.length) {
        const wider = new Float64Array(column.length * 2);
        wider.set(column);
        this.#values[name] = column = wider;
      }
      column[this.length] = row[name];
    }
    this.length++;
  }

  at(name: Name, index: number): number {
    return this.#values[name][index]!;
  }

  set(name: Name, index: number, value: number): void {
    this.#values[name][index] = value;
  }

  filter(keeps: (row: number) => boolean): void {
    const rows = Array.from({ length: this.length }, (_, row) => row).filter(keeps);
    for (const name of this.#names) {
      for (const [to, row] of rows.entries()) this.set(name, to, this.at(name, row));
    }
    this.length = rows.length;
  }

  /** Last row whose `name` is not above `value` in a rising column; -1 when there is none. */
  lastNotAbove(name: Name, value: number): number {
    const column = this.#values[name];
    let low = -1;
    let high = this.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (column[middle]! <= value) low = middle;
      else high = middle;
    }
    return low;
  }

  encode(sink: ByteSink): unknown[] {
    return [this.length, ...this.#names.map((name) => encodeNumbers(this.#values[name], this.length, sink))];
  }

  decode(wire: unknown, most: number): void {
    if (!Array.isArray(wire) || wire.length !== 1 + this.#names.length) bad('columns');
    const n: unknown = wire[0];
    if (!Number.isInteger(n) || (n as number) < 0 || (n as number) > most) bad('number of rows');
    this.length = n as number;
    this.#names.forEach((name, i) => {
      const bytes: unknown = wire[1 + i];
      if (!(bytes instanceof Uint8Array)) bad('columns');
      this.#values[name] = new Float64Array(Math.max(16, this.length));
      this.#values[name].set(decodeNumbers(bytes, this.length));
    });
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes;
  const wider = new Uint8Array(Math.max(length, bytes.length * 2));
  wider.set(bytes);
  return wider;
}

function bad(what: string): never {
  throw logTrouble('LOG-010', what);
}
