import { deepStrictEqual } from 'node:assert';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Trouble } from '../../src/base/errors.js';
import { isInput, type TraceEvent } from '../../src/events/catalogue.js';
import { footerBytes } from '../../src/log/frame.js';
import { fsck, openTorn, repair } from '../../src/log/fsck.js';
import { TraceReader } from '../../src/log/reader.js';
import { bytesSource, MemoryStore } from '../../src/log/stores/memory-store.js';
import { TraceWriter } from '../../src/log/writer.js';
import { sampleEvents, sampleHeader } from './sample.js';

const blockSize = 4096;

/** A small trace of every sort of frame; blocks of few events keep the test of every byte short. */
function smallTrace(): Uint8Array {
  const store = new MemoryStore();
  const writer = new TraceWriter(store.create('t'), sampleHeader);
  writer.snapshot({ start: true });
  writer.appendAll(sampleEvents(60));
  writer.finish();
  const source = store.open('t');
  return source.read(0, source.sizeBytes);
}

function longTrace(): { bytes: Uint8Array; count: number } {
  const store = new MemoryStore();
  const count = 3 * blockSize + 100;
  const writer = new TraceWriter(store.create('t'), sampleHeader, { snapshot: (seq) => ({ seq }) });
  writer.appendAll(sampleEvents(count));
  writer.finish();
  const source = store.open('t');
  return { bytes: source.read(0, source.sizeBytes), count };
}

/** Events before the last input: what follows from that one may be lost. */
const wholeInputs = (events: readonly TraceEvent[]): number => Math.max(0, events.findLastIndex(isInput));

/** Everything a reader can give out. */
function readAll(bytes: Uint8Array) {
  const reader = TraceReader.open(bytesSource(bytes));
  return {
    header: reader.header,
    events: [...reader.readEvents()],
    digest: reader.digest,
    kinds: [...reader.index.kinds],
    snapshot: reader.snapshotBefore(reader.events),
  };
}

describe('a trace with one wrong byte', () => {
  const small = smallTrace();
  const { bytes: long } = longTrace();
  const whole = readAll(small);

  it('is found damaged by fsck and never read wrongly, whichever byte and bits', () => {
    for (let at = 0; at < small.length; at++) {
      for (const bits of [0x01, 0x80, 0xff, 0x20]) {
        const bytes = small.slice();
        bytes[at]! ^= bits;
        const { damaged } = fsck(bytesSource(bytes));
        expect(damaged.length, `byte ${at}`).toBeGreaterThan(0);
        try {
          deepStrictEqual(readAll(bytes), whole);
        } catch (error) {
          if (!(error instanceof Trouble)) throw error;
          expect(error.detail.at, `byte ${at}`).toBeDefined();
        }
      }
    }
  });

  it('is damaged where fsck says, and the blocks before are recovered', () => {
    const reader = TraceReader.open(bytesSource(long));
    const { blocks } = reader.index;
    for (let block = 0; block < blocks.length; block++) {
      const offset = blocks.at('offsetBytes', block);
      for (const within of [0, 5, 9, 17, 22, 24, 60, blocks.at('frameBytes', block) - 1]) {
        const bytes = long.slice();
        bytes[offset + within]! ^= 0x10;
        const report = fsck(bytesSource(bytes));
        expect(report.damaged[0]).toMatchObject({ block, offsetBytes: offset });
        expect(report.damaged).toHaveLength(1);
        expect(report).toMatchObject({
          blocks: 4,
          good: 3,
          recoverable: wholeInputs([...sampleEvents(block * blockSize)]),
        });
      }
    }
  });

  it('keeps all events when only snapshot, index or end are damaged', () => {
    const reader = TraceReader.open(bytesSource(long));
    const places = [
      reader.index.snapshots.at('offsetBytes', 1) + 30,
      long.length - 40,
      long.length - 1,
      long.length - 20,
    ];
    for (const place of places) {
      const bytes = long.slice();
      bytes[place]! ^= 0x10;
      const report = fsck(bytesSource(bytes));
      expect(report.damaged).toHaveLength(1);
      expect(report).toMatchObject({ good: 4, recoverable: reader.events, digest: reader.digest });
    }
  });
});

describe('a trace that was cut', () => {
  const { bytes: long, count } = longTrace();
  const all = [...sampleEvents(count)];
  const ends = (() => {
    const { blocks } = TraceReader.open(bytesSource(long)).index;
    return Array.from(
      { length: blocks.length },
      (_, i) => blocks.at('offsetBytes', i) + blocks.at('frameBytes', i),
    );
  })();
  const headerEnd = (() => {
    const { blocks } = TraceReader.open(bytesSource(long)).index;
    return blocks.at('offsetBytes', 0);
  })();

  /** Every length of a small trace; for a long one the lengths around each frame's ends and a spread between. */
  const lengths = new Set<number>([0, 1, 8, 15, 16, 40, long.length - 1]);
  for (const end of [headerEnd, ...ends]) for (const by of [-1, 0, 1, 23, 24, 25]) lengths.add(end + by);
  for (let at = 0; at < long.length; at += 997) lengths.add(at);

  it('gives back everything up to the last whole block, but for an input that may lack outcomes', () => {
    for (const length of lengths) {
      if (length >= long.length) continue;
      const source = bytesSource(long.slice(0, length));
      const wholeBlocks = ends.filter((end) => end <= length).length;
      const events = Math.min(count, wholeBlocks * blockSize);
      expect(() => TraceReader.open(source)).toThrow(Trouble);
      const report = fsck(source);
      expect(report.damaged.length, `length ${length}`).toBeGreaterThan(0);
      const isComplete = length >= long.length - footerBytes;
      const comesBack = isComplete ? events : wholeInputs(all.slice(0, events));
      expect(report.recoverable, `length ${length}`).toBe(comesBack);
      if (length < headerEnd) continue;
      const { reader } = openTorn(source);
      expect(reader.events).toBe(events);
      if (events > 0) expect(reader.eventAt(events - 1)).toStrictEqual(all[events - 1]);
    }
  });

  it('is repaired into a whole trace that ends with a whole input', () => {
    const store = new MemoryStore();
    for (const blocks of [0, 1, 3, 4]) {
      const length = (blocks === 0 ? headerEnd : ends[blocks - 1]!) + 10;
      const report = repair(bytesSource(long.slice(0, length)), store.create('r'));
      const reader = TraceReader.open(store.open('r'));
      const events = wholeInputs(all.slice(0, Math.min(count, blocks * blockSize)));
      expect(reader.events).toBe(events);
      expect(reader.digest).toBe(report.digest);
      expect([...reader.readEvents()]).toStrictEqual(all.slice(0, events));
      expect(fsck(store.open('r'))).toMatchObject({
        damaged: [],
        recoverable: events,
        digest: report.digest,
      });
      // The snapshot behind the last whole block was cut too.
      expect(reader.snapshotBefore(events)?.nextSeq).toBe(blocks > 1 ? (blocks - 1) * blockSize : undefined);
    }
  });

  it('says what it was recovered from and keeps what that was made of', () => {
    const made = { file: 'a.log', format: 'qemu-log', sha256: '00', records: 1, skipped: 0, lost: 0 };
    const store = new MemoryStore();
    const writer = new TraceWriter(store.create('t'), TraceReader.open(bytesSource(long)).header);
    writer.appendAll(all.slice(0, 3 * blockSize));
    writer.finish([made]);
    const whole = store.open('t').read(0, store.open('t').sizeBytes);
    const { index } = TraceReader.open(store.open('t'));
    const damaged = whole.slice();
    damaged[index.blocks.at('offsetBytes', 1) + 70]! ^= 1;
    repair(bytesSource(damaged), store.create('r'), { file: 't.xpr' });
    const reader = TraceReader.open(store.open('r'));
    const events = wholeInputs(all.slice(0, blockSize));
    expect(reader.recovered).toEqual({ file: 't.xpr', events, lost: 3 * blockSize - events });
    expect(reader.index.sources).toEqual([
      made,
      expect.objectContaining({
        format: 'recovered',
        sha256: createHash('sha256').update(damaged).digest('hex'),
      }),
    ]);
    repair(bytesSource(whole), store.create('same'));
    expect(TraceReader.open(store.open('same')).index.sources).toEqual([made]);
  });

  it('leaves out snapshots that are not true', () => {
    const { snapshots } = TraceReader.open(bytesSource(long)).index;
    const forged = snapshots.at('offsetBytes', 1);
    const store = new MemoryStore();
    repair(bytesSource(long), store.create('r'), { isTrue: (offsetBytes) => offsetBytes !== forged });
    const reader = TraceReader.open(store.open('r'));
    expect(fsck(store.open('r')).damaged).toEqual([]);
    expect(reader.snapshotBefore(3 * blockSize - 1)?.nextSeq).toBe(blockSize);
  });

  it('cannot be repaired without its header, and then nothing is written', () => {
    const store = new MemoryStore();
    expect(() => repair(bytesSource(long.slice(0, 50)), store.create('r'))).toThrow(Trouble);
    expect(() => store.open('r')).toThrow(Trouble);
  });

  it('is repaired without a damaged snapshot', () => {
    const bytes = long.slice();
    bytes[TraceReader.open(bytesSource(long)).index.snapshots.at('offsetBytes', 1) + 30]! ^= 1;
    const store = new MemoryStore();
    repair(bytesSource(bytes), store.create('r'));
    const reader = TraceReader.open(store.open('r'));
    expect(fsck(store.open('r')).damaged).toEqual([]);
    expect(reader.events).toBe(count);
    expect(reader.snapshotBefore(3 * blockSize - 1)?.nextSeq).toBe(blockSize);
  });
});

describe('a trace with something behind its end', () => {
  it('is refused and reported', () => {
    const bytes = new Uint8Array([...smallTrace(), 0]);
    expect(() => TraceReader.open(bytesSource(bytes))).toThrow(Trouble);
    expect(fsck(bytesSource(bytes))).toMatchObject({ recoverable: 60 });
    expect(fsck(bytesSource(bytes)).damaged[0]!.reason).toMatch(/^LOG-014/);
  });

  it('is not two traces in one file', () => {
    const one = smallTrace();
    const bytes = new Uint8Array([...one, ...one]);
    expect(() => TraceReader.open(bytesSource(bytes))).toThrow(Trouble);
    expect(fsck(bytesSource(bytes)).damaged[0]).toMatchObject({ offsetBytes: one.length });
  });
});
