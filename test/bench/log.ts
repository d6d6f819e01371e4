import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.js';
import { Prng } from '../../src/base/prng.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { blockEvents } from '../../src/log/block-encode.js';
import { TraceReader } from '../../src/log/reader.js';
import { fileStore } from '../../src/log/stores/file-store.js';
import { TraceWriter } from '../../src/log/writer.js';
import { benchHeader, enumeration } from './workload.js';

/** One line of the benchmark's output. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/**
 * Writes and reads a trace of `count` enumeration events in a temporary file. Events are made block by block outside
 * the timed part, so that memory stays that of one block.
 */
export function benchLog(count: number): Figure[] {
  const folder = mkdtempSync(join(tmpdir(), 'xpr-bench-'));
  const path = join(folder, 'bench.xpr');
  try {
    return [...encode(path, count), ...decode(path), ...seek(path)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function encode(path: string, count: number): Figure[] {
  const writer = new TraceWriter(fileStore.create(path), benchHeader);
  const source = enumeration(count);
  let spent = 0;
  let cpu = 0;
  let written = 0;
  while (written < count) {
    const batch: TraceEvent[] = [];
    while (batch.length < blockEvents && written + batch.length < count)
      batch.push(source.next().value as TraceEvent);
    cpu += timedCpu(() => {
      spent += timed(() => writer.appendAll(batch));
    });
    written += batch.length;
  }
  let bytes = 0;
  spent += timed(() => {
    bytes = writer.finish().bytes;
  });
  return [
    rate('log encode, compress, write', count, spent),
    rate('  by processor time', count, cpu),
    { name: 'log size', value: bytes / count, unit: 'bytes/event' },
  ];
}

function decode(path: string): Figure[] {
  const figures: Figure[] = [];
  const passes: [string, (reader: TraceReader) => number][] = [
    ['log decode and count by kind', countKinds],
    ['log decode all columns', decodeColumns],
    ['log materialise events', materialise],
  ];
  for (const [name, pass] of passes) {
    let best = Number.POSITIVE_INFINITY;
    let bestCpu = Number.POSITIVE_INFINITY;
    let events = 0;
    for (let run = 0; run < 3; run++) {
      const reader = TraceReader.open(fileStore.open(path));
      events = reader.events;
      let spent = 0;
      const cpu = timedCpu(() => {
        spent = timed(() => {
          if (pass(reader) !== events) throw new Error(`${name}: wrong number of events`);
        });
      });
      if (cpu < bestCpu) bestCpu = cpu;
      reader.close();
      if (spent < best) best = spent;
    }
    figures.push(rate(name, events, best), rate('  by processor time', events, bestCpu));
  }
  return figures;
}

function countKinds(reader: TraceReader): number {
  let events = 0;
  for (const block of reader.blocks()) for (const { count } of block.tables) events += count;
  return events;
}

function decodeColumns(reader: TraceReader): number {
  let events = 0;
  for (const block of reader.blocks()) {
    block.check();
    events += block.count;
  }
  return events;
}

function materialise(reader: TraceReader): number {
  let events = 0;
  for (const block of reader.blocks()) events += block.events().length;
  return events;
}

function seek(path: string): Figure[] {
  const reader = TraceReader.open(fileStore.open(path));
  const prng = new Prng(2);
  const times: number[] = [];
  for (let i = 0; i < 500; i++) {
    const seq = prng.below(reader.events);
    times.push(
      timed(() => {
        if (reader.eventAt(seq).seq !== seq) throw new Error('seek: wrong event');
      }),
    );
  }
  reader.close();
  times.sort((a, b) => a - b);
  return [
    { name: `log seek to one of ${reader.events} events, median`, value: times[250]! / 1e6, unit: 'ms' },
    { name: 'log seek, worst of 500', value: times[499]! / 1e6, unit: 'ms' },
  ];
}

/** Nanoseconds that `action` takes by the clock. */
export function timed(action: () => void): number {
  const start = systemClock.now();
  action();
  return Number(systemClock.now() - start);
}

/** Nanoseconds of processor time that `action` takes on all threads: what counts on a machine that others use too. */
export function timedCpu(action: () => void): number {
  const start = process.cpuUsage();
  action();
  const { user, system } = process.cpuUsage(start);
  return (user + system) * 1000;
}

export function rate(name: string, events: number, spentNs: number): Figure {
  return { name, value: (events / spentNs) * 1e3, unit: 'M events/s' };
}
