import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { Trouble } from '../../src/base/errors.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { Block } from '../../src/log/block-decode.js';
import { BlockEncoder } from '../../src/log/block-encode.js';
import { decodeNumbers, type Numbers } from '../../src/log/columns/number-decode.js';
import { encodeFooter, encodeFrame, encodePreamble, frameType } from '../../src/log/frame.js';
import { packDocument, unpackDocument } from '../../src/log/msgpack.js';
import { TraceReader } from '../../src/log/reader.js';
import { bytesSource } from '../../src/log/stores/memory-store.js';
import { sampleEvents, sampleHeader } from './sample.js';

const coded = (code: string | RegExp) =>
  expect.objectContaining({
    name: 'Trouble',
    code: typeof code === 'string' ? code : expect.stringMatching(code),
  });

type Wire = [
  schema: unknown,
  firstSeq: unknown,
  count: unknown,
  tables: [kind: string, rows: unknown, fields: [name: string, type: string, column: unknown][]][],
  ...rest: unknown[],
];

/** The block of some sample events, as a document that a test may spoil. */
function wire(): Wire {
  return unpackDocument(new BlockEncoder().encode([...sampleEvents(40)]).document, 'no maps') as Wire;
}

describe('a block made by somebody else', () => {
  it.each<[string, string, (wire: Wire) => void]>([
    ['a newer schema', 'LOG-002', (w) => (w[0] = 99)],
    ['no schema', 'LOG-009', (w) => (w[0] = null)],
    ['an unknown kind', 'LOG-008', (w) => (w[3][0]![0] = 'hypercall.imagined')],
    ['a kind named like an object method', 'LOG-008', (w) => (w[3][0]![0] = 'constructor')],
    ['an unknown field', 'LOG-008', (w) => (w[3][0]![2][0]![0] = 'dimension')],
    ['a field twice', 'LOG-009', (w) => w[3][0]![2].push(w[3][0]![2][0]!)],
    ['a field of another type', 'LOG-008', (w) => (w[3][0]![2][0]![1] = 'text')],
    ['a field missing that cannot be null', 'LOG-008', (w) => w[3][0]![2].shift()],
    ['rows that no event has', 'LOG-009', (w) => (w[3][0]![1] = 3)],
    ['more rows than a block can have', 'LOG-009', (w) => (w[3][0]![1] = 2 ** 40)],
    ['more events than a block can have', 'LOG-011', (w) => (w[2] = 2 ** 40)],
    ['no events', 'LOG-009', (w) => (w[2] = 0)],
    ['a sequence number beyond all', 'LOG-009', (w) => (w[1] = Number.MAX_SAFE_INTEGER)],
    ['a cause before the first event', 'LOG-009', (w) => (w[8] = Uint8Array.of(0, 80))],
    ['an unknown origin', 'LOG-008', (w) => ((w[6] as [string[]])[0][0] = 'dreamt')],
    ['a text index outside the table', 'LOG-009', (w) => ((w[7] as unknown[])[1] = Uint8Array.of(0, 20))],
    ['an unknown column layout', 'LOG-009', (w) => (w[5] = Uint8Array.of(77, 0))],
    ['a column too short', 'LOG-009', (w) => (w[5] = Uint8Array.of(2, 0, 0))],
    ['an endless varint', 'LOG-009', (w) => (w[5] = new Uint8Array(100).fill(0xff).fill(5, 0, 1))],
    ['a negative time', 'LOG-009', (w) => (w[5] = Uint8Array.of(0, 1))],
    ['something else in place of a table', 'LOG-009', (w) => (w[3][0] = 7 as never)],
    ['something else in place of a column', 'LOG-007', (w) => (w[3][0]![2][0]![2] = { length: 2 ** 32 })],
    [
      '17 bits in a 16-bit field',
      'LOG-009',
      (w) => (w[3][0]![2][0]![2] = [null, Uint8Array.of(0, 0x80, 0x80, 8)]),
    ],
    [
      'null where nobody is no answer',
      'LOG-009',
      (w) => (w[3][0]![2][0]![2] = [Uint8Array.of(0, 0), Uint8Array.of()]),
    ],
    ['a value that is no choice', 'LOG-008', (w) => (choiceTable(w)[0] = 'telepathy')],
  ])('is refused when it has %s', (_name, code, spoil) => {
    const parts = wire();
    spoil(parts);
    expect(() => new Block(packDocument(parts)).check()).toThrow(coded(code));
  });

  it('gives a trouble or events, whatever bytes are changed', () => {
    const document = new BlockEncoder().encode([...sampleEvents(60)]).document;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: document.length - 1 }), fc.nat({ max: 255 })), {
          minLength: 1,
          maxLength: 4,
        }),
        (changes) => {
          const bytes = document.slice();
          for (const [at, value] of changes) bytes[at] = value;
          try {
            expect(new Block(bytes).events().length).toBeLessThanOrEqual(4096);
          } catch (error) {
            if (!(error instanceof Trouble)) throw error;
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});

function choiceTable(parts: Wire): string[] {
  const table = parts[3].find(([kind]) => kind === 'config.requested')!;
  return (table[2].find(([name]) => name === 'via')![2] as [string[]])[0];
}

describe('a record column made by somebody else', () => {
  const args = (spoil: (any: unknown[]) => unknown) => {
    const parts = wire();
    const field = parts[3]
      .find(([kind]) => kind === 'hypercall.issued')![2]
      .find(([name]) => name === 'args')!;
    field[2] = spoil(field[2] as unknown[]);
    return packDocument(parts);
  };
  const empty = Uint8Array.of();

  it.each<[string, (any: unknown[]) => unknown]>([
    ['another shape', () => [1, 2]],
    ['a number where an object belongs', () => [Uint8Array.of(0, 6), Uint8Array.of(0, 2), null, null, null]],
    ['rows without their values', (any) => [any[0], null, null, null, null]],
    ['values without rows', (any) => [any[0], Uint8Array.of(0, 0), null, any[3], null]],
    [
      'the key __proto__',
      (any) => [any[0], null, null, [[['__proto__']], Uint8Array.of(0, 0), [[any]]], null],
    ],
    ['a key twice', (any) => [any[0], null, null, [[['a', 'a']], Uint8Array.of(0, 0), [[any, any]]], null]],
    ['a shape that is not listed', (any) => [any[0], null, null, [[], Uint8Array.of(0, 0), []], null]],
    [
      'arrays that announce 2^50 elements',
      (any) => [any[0], null, null, [[['a']], Uint8Array.of(0, 0), [[huge(2 ** 50)]]], null],
    ],
    [
      'elements that are not there',
      (any) => [any[0], null, null, [[['a']], Uint8Array.of(0, 0), [[huge(5)]]], null],
    ],
  ])('is refused with %s', (_name, spoil) => {
    expect(() => new Block(args(spoil)).check()).toThrow(coded(/^LOG-0(09|11)$/));
  });

  function huge(length: number): unknown[] {
    const bytes = [0];
    let z = length * 2;
    for (; z >= 128; z = Math.floor(z / 128)) bytes.push((z % 128) + 128);
    bytes.push(z);
    return [
      Uint8Array.of(0, 12),
      null,
      null,
      null,
      [Uint8Array.from(bytes), [empty, null, null, null, null]],
    ];
  }

  it('is refused when nested deeper than the limit', () => {
    let any: unknown[] = [Uint8Array.of(0, 0), null, null, null, null];
    for (let depth = 0; depth < 20; depth++)
      any = [Uint8Array.of(0, 12), null, null, null, [Uint8Array.of(0, 2), any]];
    const spoil = (whole: unknown[]) => [whole[0], null, null, [[['a']], Uint8Array.of(0, 0), [[any]]], null];
    expect(() => new Block(args(spoil)).check()).toThrow(coded(/^LOG-0(07|09|11)$/));
  });
});

describe('a document made by somebody else', () => {
  it.each<[string, number[]]>([
    ['nothing', []],
    ['an array of 2^32 - 1 items', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['a map of 2^32 - 1 entries', [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ['a text of 2^32 - 1 bytes', [0xdb, 0xff, 0xff, 0xff, 0xff]],
    ['4 GiB of binary', [0xc6, 0xff, 0xff, 0xff, 0xff]],
    ['a length cut off', [0xdd, 0xff]],
    ['an extension', [0xd4, 0x72, 0x00]],
    ['two values', [0xc0, 0xc0]],
    ['an array as a key', [0x81, 0x91, 0xc0, 0xc0]],
    ['a map as a key', [0x81, 0x80, 0xc0]],
    ['a number as a key', [0x81, 0x01, 0xc0]],
    ['a key cut off', [0xde, 0x00, 0x01, 0xa2]],
    ['the type that does not exist', [0xc1]],
    ['10,000 nested arrays', [...new Array<number>(10_000).fill(0x91), 0xc0]],
  ])('is refused with %s', (_name, bytes) => {
    expect(() => unpackDocument(Uint8Array.from(bytes), 'maps')).toThrow(coded('LOG-007'));
  });

  it('is refused when its writer shared structures between documents', () => {
    const shared = new Packr({ structures: [] });
    shared.pack({ a: 1, b: 2 });
    expect(() => unpackDocument(shared.pack({ a: 1, b: 2 }), 'maps')).toThrow(coded('LOG-007'));
  });
});

describe('a number column', () => {
  it('is a trouble or n values in range, whatever its bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.nat({ max: 8 }),
        fc.nat({ max: 20 }),
        (bytes, layout, n) => {
          if (bytes.length > 0) bytes[0] = layout;
          let out: Numbers;
          try {
            out = decodeNumbers(bytes, n, 0, 1000);
          } catch (error) {
            if (!(error instanceof Trouble)) throw error;
            return;
          }
          for (let i = 0; i < n; i++)
            expect(Number.isInteger(out[i]) && out[i]! >= 0 && out[i]! <= 1000).toBe(true);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe('a whole file made by somebody else', () => {
  const open = (...parts: Uint8Array[]) =>
    TraceReader.open(bytesSource(Uint8Array.from(parts.flatMap((p) => [...p]))));
  const header = encodeFrame(
    { type: frameType.header, ordinal: 0, document: packDocument(sampleHeader) },
    'none',
  );

  it('is refused when its end points anywhere but at an index', () => {
    for (const indexOffset of [0, 16, 17, 2 ** 31, 2 ** 53, 16 + header.length]) {
      expect(() => open(encodePreamble(), header, encodeFooter({ indexOffset, frames: 1 }))).toThrow(Trouble);
    }
  });

  it('is refused when a header announces more than it brings, without allocating it', () => {
    const frame = header.slice();
    const view = new DataView(frame.buffer);
    view.setUint32(8, 0xffff_ffff, true);
    expect(() => open(encodePreamble(), frame)).toThrow(Trouble);
  });

  it('is refused when its header misses an entry or has one too many', () => {
    for (const change of [{ seed: 'x' }, { policies: [] }, { extra: 1 }, { provenance: [{}] }]) {
      const document = packDocument({ ...sampleHeader, ...change });
      const frame = encodeFrame({ type: frameType.header, ordinal: 0, document }, 'none');
      expect(() => open(encodePreamble(), frame)).toThrow(coded('LOG-016'));
    }
  });

  it('is named when it is no trace at all', () => {
    for (const text of ['', '\u007fELF', '{"seq":0}\n', '\u0089xpr']) {
      expect(() => open(Uint8Array.from(text, (c) => c.charCodeAt(0)))).toThrow(coded(/^LOG-00[13]$/));
    }
  });
});

describe('the writer', () => {
  it.each<[string, object]>([
    ['a missing field', { data: { value: 1, handledBy: 'x' } }],
    ['a fraction', { data: { value: 0.5, handledBy: 'x', function: null } }],
    ['33 bits in 32', { data: { value: 2 ** 32, handledBy: 'x', function: null } }],
    ['null for a text', { data: { value: 1, handledBy: null, function: null } }],
    ['half a character', { data: { value: 1, handledBy: '\ud800', function: null } }],
    ['a cause that comes later', { cause: 1 }],
    ['a gap in the numbers', { seq: 5 }],
    ['a time before the start', { atNs: -1 }],
  ])('does not store %s', (_name, change) => {
    const data = { value: 1, handledBy: 'x', function: null };
    const good = {
      seq: 1,
      atNs: 0,
      kind: 'config.completed',
      origin: 'simulated',
      by: 'xen',
      cause: 0,
      data,
    };
    const first = { ...good, seq: 0, cause: null };
    const encode = (event: object) => new BlockEncoder().encode([first, event] as unknown as TraceEvent[]);
    expect(() => encode(good)).not.toThrow();
    expect(() => encode({ ...good, ...change })).toThrow(expect.objectContaining({ name: 'InvariantError' }));
  });
});
