import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { TraceReader } from '../../src/log/reader.js';
import { fileStore } from '../../src/log/stores/file-store.js';
import { MemoryStore } from '../../src/log/stores/memory-store.js';
import type { TraceStore } from '../../src/log/stores/store.js';
import { TraceWriter, type WriterOptions } from '../../src/log/writer.js';
import { sampleEvents, sampleHeader } from './sample.js';

const folder = mkdtempSync(join(tmpdir(), 'xpr-store-'));
afterAll(() => rmSync(folder, { recursive: true }));

const stores: [string, TraceStore, (name: string) => string][] = [
  ['memory', new MemoryStore(), (name) => name],
  ['file', fileStore, (name) => join(folder, name)],
];

describe.each(stores)('a %s store', (_name, store, path) => {
  const write = (name: string, count: number, options: WriterOptions = {}) => {
    const writer = new TraceWriter(store.create(path(name)), sampleHeader, options);
    writer.appendAll(sampleEvents(count));
    return writer.finish();
  };

  it('gives back the bytes that were committed, at any offset', () => {
    const target = store.create(path('bytes'));
    target.write(Uint8Array.of(1, 2, 3));
    target.write(Uint8Array.of());
    target.write(Uint8Array.of(4));
    target.commit();
    target.abandon();
    const source = store.open(path('bytes'));
    expect(source.sizeBytes).toBe(4);
    expect([...source.read(0, 4)]).toEqual([1, 2, 3, 4]);
    expect([...source.read(2, 1)]).toEqual([3]);
    expect([...source.read(4, 0)]).toEqual([]);
    expect(() => source.read(3, 2)).toThrow(expect.objectContaining({ code: 'LOG-012' }));
    source.close();
    source.close();
  });

  it('keeps what the writer handed over, even when the writer reuses its buffer', () => {
    const buffer = Uint8Array.of(1, 2);
    const target = store.create(path('reuse'));
    target.write(buffer);
    buffer.fill(9);
    target.commit();
    expect([...store.open(path('reuse')).read(0, 2)]).toEqual([1, 2]);
  });

  it('shows nothing before commit and nothing after abandon', () => {
    const target = store.create(path('draft'));
    target.write(Uint8Array.of(1));
    expect(() => store.open(path('draft'))).toThrow(expect.objectContaining({ code: 'LOG-012' }));
    target.abandon();
    target.commit();
    expect(() => store.open(path('draft'))).toThrow(expect.objectContaining({ code: 'LOG-012' }));
    expect(existsSync(`${path('draft')}.part`)).toBe(false);
  });

  it('leaves the old trace in place until the new one is committed', () => {
    write('twice', 10);
    const target = store.create(path('twice'));
    expect(TraceReader.open(store.open(path('twice'))).events).toBe(10);
    target.abandon();
    expect(TraceReader.open(store.open(path('twice'))).events).toBe(10);
    write('twice', 20);
    expect(TraceReader.open(store.open(path('twice'))).events).toBe(20);
  });

  it.each([0, 1, 4095, 4096, 4097, 10_000])('gives back a trace of %i events', (count) => {
    const written = write('trace', count);
    const reader = TraceReader.open(store.open(path('trace')));
    expect(reader.header).toStrictEqual(sampleHeader);
    expect(reader.events).toBe(count);
    expect(reader.digest).toBe(written.digest);
    expect(reader.sizeBytes).toBe(written.bytes);
    expect([...reader.readEvents()]).toStrictEqual([...sampleEvents(count)]);
    reader.close();
  });

  it('reads any range and any event', () => {
    write('range', 10_000);
    const reader = TraceReader.open(store.open(path('range')));
    const all = [...sampleEvents(10_000)];
    for (const [from, to] of [
      [0, 1],
      [4095, 4097],
      [8191, 20_000],
      [5, 5],
      [10_000, 10_001],
    ] as const) {
      expect([...reader.readEvents(from, to)]).toStrictEqual(all.slice(from, to));
    }
    for (const seq of [0, 4095, 4096, 9999]) expect(reader.eventAt(seq)).toStrictEqual(all[seq]);
    for (const seq of [-1, 10_000, 0.5]) {
      expect(() => reader.eventAt(seq)).toThrow(expect.objectContaining({ code: 'LOG-015' }));
    }
    reader.close();
  });

  it('finds the snapshot at or before a position', () => {
    const state = (nextSeq: number) => ({ nextSeq, tables: { 7: [1, 'x', null, true] } });
    write('snapshots', 10_000, { snapshot: (seq) => (seq === 4096 ? null : state(seq)) });
    const reader = TraceReader.open(store.open(path('snapshots')));
    expect(reader.snapshotBefore(8191)).toBeNull();
    expect(reader.snapshotBefore(8192)).toStrictEqual({ nextSeq: 8192, state: state(8192) });
    expect(reader.snapshotBefore(9999)?.nextSeq).toBe(8192);
    reader.close();
  });

  it('gives the same digest with and without snapshots and compression', () => {
    const digests = [
      write('a', 9000),
      write('b', 9000, { codec: 'none' }),
      write('d', 9000, { codec: 'brotli' }),
      write('c', 9000, { snapshot: (seq) => [seq] }),
    ].map(({ digest }) => digest);
    expect(new Set(digests).size).toBe(1);
  });
});
