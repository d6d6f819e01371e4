import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogue, kindNames } from '../../src/events/catalogue.js';
import { byteDriver as node } from '../../src/log/bytes/node.js';
import { byteDriver as web } from '../../src/log/bytes/web.js';
import type { ColumnParts } from '../../src/log/columns/rows.js';
import { rowBuilder as compiled } from '../../src/log/columns/rows-compiled.js';
import { rowBuilder as looped } from '../../src/log/columns/rows-looped.js';

const golden = resolve(import.meta.dirname, '../../traces/golden/0.2.0');
const traces = readdirSync(golden)
  .slice(0, 10)
  .map((name) => new Uint8Array(readFileSync(join(golden, name))));
const pieces = fc.oneof(
  fc.uint8Array({ maxLength: 4_000 }),
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map((one) => new Uint8Array(9_000).fill(7).fill(one[0]!, 5)),
  fc.constantFrom(...traces),
);
const plain = (bytes: Uint8Array): number[] => [...bytes];

describe('the driver of a page', () => {
  it('gives the checksums and digests of that of Node', () => {
    expect(web.crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf4_3926);
    fc.assert(
      fc.property(pieces, pieces, (a, b) => {
        expect(web.crc32(a)).toBe(node.crc32(a));
        expect(plain(web.sha256(a, b))).toEqual(plain(node.sha256(a, b)));
      }),
    );
  });

  it('unpacks what Node packs, and the other way round', () => {
    fc.assert(
      fc.property(pieces, (raw) => {
        expect(plain(web.deflate.unpack(node.deflate.pack(raw), raw.length))).toEqual(plain(raw));
        expect(plain(node.deflate.unpack(web.deflate.pack(raw), raw.length))).toEqual(plain(raw));
      }),
    );
  });

  it('takes for good no packed bytes that Node does not, and never gives more than was asked for', () => {
    const lengthOf = (driver: typeof web, packed: Uint8Array, rawBytes: number): number => {
      try {
        return driver.deflate.unpack(packed, rawBytes).length;
      } catch {
        return -1;
      }
    };
    fc.assert(
      fc.property(pieces, fc.integer({ min: -3, max: 3 }), fc.nat(), (raw, off, cut) => {
        const packed = node.deflate.pack(raw);
        const rawBytes = Math.max(0, raw.length + off);
        expect(lengthOf(web, packed, rawBytes)).toBeLessThanOrEqual(rawBytes + 1);
        const isWhole = (driver: typeof web, part: Uint8Array, size: number): boolean =>
          lengthOf(driver, part, size) === size;
        expect(isWhole(web, packed, rawBytes)).toBe(isWhole(node, packed, rawBytes));
        const torn = packed.subarray(0, cut % packed.length);
        expect(isWhole(web, torn, raw.length)).toBe(isWhole(node, torn, raw.length));
      }),
    );
  });
});

describe('rows made by a loop', () => {
  it('are those that compiled code makes, entry for entry, for every kind', () => {
    const count = 5;
    const values = Array.from({ length: count }, (_, i) => ({ value: i }));
    const columns: ColumnParts = { numbers: Float64Array.of(0, 1, Number.NaN, 1, 4), values };
    for (const kind of kindNames) {
      const { fields } = catalogue[kind];
      const all = Object.keys(fields).map(() => columns);
      // As text, so that the order of entries counts.
      const text = (rows: readonly object[]): string => JSON.stringify(rows.map(Object.entries));
      expect(text(looped(kind, fields)(all, count))).toBe(text(compiled(kind, fields)(all, count)));
    }
  });
});
