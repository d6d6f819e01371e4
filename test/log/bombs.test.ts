import { describe, expect, it } from 'vitest';
import { limits } from '../../src/base/limits.js';
import { fsck } from '../../src/log/fsck.js';
import { packDocument, packForeign, unpackDocument } from '../../src/log/msgpack.js';
import { TraceReader } from '../../src/log/reader.js';
import { bytesSource, MemoryStore } from '../../src/log/stores/memory-store.js';
import { TraceWriter } from '../../src/log/writer.js';
import {
  argsOf,
  arrayOf,
  arrays,
  blockWith,
  constant,
  type Forgery,
  forge,
  headerWith,
  nulls,
  snapshotWith,
} from './bombs.js';
import { sampleEvents, sampleHeader } from './sample.js';

const million = 1 << 20;
const refused = expect.objectContaining({
  name: 'Trouble',
  code: expect.stringMatching(/^LOG-0(07|09|10|11)$/),
});
/** A map of one key that makes an engine keep room for all keys below it. */
const gap = [0x81, 0xa3, 0x35, 0x30, 0x30, 0xc0];
const numbered = (count: number) =>
  packDocument(Array.from({ length: count }, (_, i) => ({ [`k${i}`]: null })));

/** Reads everything a trace holds. */
function readAll(bytes: Uint8Array): void {
  const reader = TraceReader.open(bytesSource(bytes));
  reader.snapshotBefore(0);
  for (const block of reader.blocks()) {
    block.check();
    block.events();
  }
}

describe('a small file that becomes a large one', () => {
  it.each<[string, Forgery]>([
    ['a header of nested arrays', { header: headerWith(arrayOf([0x91, 0x90], 4 * million)) }],
    ['a header of empty maps', { header: headerWith(arrayOf([0x80], 4 * million)) }],
    ['a header of maps with a key of their own', { header: headerWith(numbered(700_000)), codec: 'none' }],
    ['a header of maps with a high number as key', { header: headerWith(arrayOf(gap, 100_000)) }],
    ['a header of fractions', { header: headerWith(arrayOf([0xcb, 1, 2, 3, 4, 5, 6, 7, 8], 3 * million)) }],
    ['a header of one text', { header: headerWith(packDocument('x'.repeat(40 * million))) }],
    ['a header of binary', { header: headerWith(packDocument(new Uint8Array(60 * million))) }],
    [
      'a header packed with Brotli',
      { header: headerWith(packDocument('x'.repeat(40 * million))), codec: 'brotli' },
    ],
    ['a snapshot of empty arrays', { snapshot: snapshotWith(arrayOf([0x90], 4 * million)) }],
    [
      'a snapshot of empty maps that is not packed',
      { snapshot: snapshotWith(arrayOf([0x80], million)), codec: 'none' },
    ],
    [
      'a snapshot of maps with a high number as key',
      { snapshot: snapshotWith(arrayOf(gap, 100_000)), codec: 'none' },
    ],
    ['a block of maps', { block: arrayOf([0x80], 60 * million) }],
    ['a block of few maps', { block: arrayOf([0x80], 9) }],
    ['a block packed with Brotli', { block: arrayOf([0xc0], 60 * million), codec: 'brotli' }],
    ['a block of empty arrays that is not packed', { block: arrayOf([0x90], 2 * million), codec: 'none' }],
    ['an index of empty arrays', { index: arrayOf([0x90], 8 * million) }],
    ['an index of maps', { index: arrayOf([0x80], 2 * million), codec: 'none' }],
    [
      'an array of a million values in an argument',
      { block: blockWith((_, args) => argsOf(args, 'a', arrays(million, nulls))) },
    ],
    [
      'arrays of arrays of arrays',
      { block: blockWith((_, args) => argsOf(args, 'a', arrays(300, arrays(300, arrays(300, nulls))))) },
    ],
    [
      'a million empty objects',
      {
        block: blockWith((_, args) =>
          argsOf(args, 'a', arrays(million, [constant(5), null, null, [[[]], constant(0), [[]]], null])),
        ),
      },
    ],
    [
      'objects with a high number as key',
      {
        block: blockWith((_, args) =>
          argsOf(
            args,
            'a',
            arrays(2_000, [constant(5), null, null, [[['500']], constant(0), [[nulls]]], null]),
          ),
        ),
      },
    ],
    [
      'a long text in many elements',
      {
        block: blockWith((_, args) =>
          argsOf(
            args,
            'a',
            arrays(1_000, [constant(4), null, [['x'.repeat(million)], constant(0)], null, null]),
          ),
        ),
      },
    ],
    [
      'a long text as the actor of every event',
      {
        block: blockWith((parts) => {
          parts[7] = [['x'.repeat(million)], constant(0)];
        }),
      },
    ],
  ])('is refused before it does: %s', (_name, forgery) => {
    const bytes = forge(forgery);
    expect(() => readAll(bytes)).toThrow(refused);
    expect(fsck(bytesSource(bytes)).damaged.length).toBeGreaterThan(0);
  });

  it('is not what any of these would be without its spoilt part', () => {
    const bytes = forge({});
    expect(() => readAll(bytes)).not.toThrow();
    expect(fsck(bytesSource(bytes)).damaged).toEqual([]);
    expect(() =>
      readAll(forge({ block: blockWith((_, args) => argsOf(args, 'a', arrays(1_000, nulls))) })),
    ).not.toThrow();
  });
});

describe('the writer', () => {
  const event = (seq: number, text: string) => ({
    ...[...sampleEvents(1)][0]!,
    seq,
    data: { domid: 0, hypercall: 'physdev_op', op: 'pci_device_add', args: { text } },
  });
  const record = (events: Iterable<unknown>) => {
    const store = new MemoryStore();
    const writer = new TraceWriter(store.create('t'), sampleHeader);
    for (const each of events) writer.append(each as Parameters<TraceWriter['append']>[0]);
    writer.finish();
    const reader = TraceReader.open(store.open('t'));
    return { reader, events: [...reader.readEvents()] };
  };

  it('ends a block before it holds more than readers take', () => {
    const long = 'x'.repeat(limits.textLength);
    const given = Array.from({ length: 40 }, (_, seq) => event(seq, long));
    const { reader, events } = record(given);
    expect(events).toEqual(given);
    expect(reader.index.blocks.length).toBeGreaterThan(4);
    expect(fsck(bytesSource(forge({}))).damaged).toEqual([]);
  });

  it('stores what packs too well as it is', () => {
    const { reader, events } = record([event(0, 'x'.repeat(limits.textLength))]);
    expect(events).toHaveLength(1);
    expect(reader.sizeBytes).toBeGreaterThan(limits.textLength);
  });

  it('says so when a single event has too many values', () => {
    const args = { list: Array.from({ length: limits.blockRecordValues + 1 }, () => null) };
    const data = { domid: 0, hypercall: 'physdev_op', op: 'pci_device_add', args };
    expect(() => record([{ ...event(0, ''), data }])).toThrow(
      expect.objectContaining({ name: 'Trouble', code: 'LOG-011' }),
    );
  });
});

describe('a document', () => {
  it('may hold a map of more than 65,535 keys', () => {
    const map = Object.fromEntries(Array.from({ length: 75_000 }, (_, i) => [`/local/domain/${i}`, i]));
    expect(unpackDocument(packForeign([map]), 'maps')).toEqual([map]);
  });
});
