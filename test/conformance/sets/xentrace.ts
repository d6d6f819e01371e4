import { join } from 'node:path';
import { decodeHypercall } from '../../../src/importers/xentrace/hypercall.js';
import { readXentrace, type Xentrace } from '../../../src/importers/xentrace/records.js';
import { recordingNames, recordingText } from '../recording.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';

/** Counts of one trace by an independent reader. */
interface Stats {
  readonly file: string;
  readonly records: number;
  readonly windows: number;
  readonly trailing: number;
  readonly no_cycles: number;
  readonly lost_events: number;
  readonly lost_records: number;
  readonly tsc_backwards_within_cpu: number;
  readonly per_cpu: Readonly<Record<string, number>>;
  readonly tsc_first: Readonly<Record<string, number>>;
  readonly tsc_last: Readonly<Record<string, number>>;
  readonly classes: Readonly<Record<string, number>>;
  readonly extra_words: Readonly<Record<string, number>>;
  readonly events: Readonly<Record<string, number>>;
  readonly hypercalls: Readonly<Record<string, number>>;
}

/** Classes by bits 27:16 of the event. @source facts/xen 9.1 */
const classNames: Readonly<Record<number, string>> = {
  1: 'gen',
  2: 'sched',
  4: 'dom0op',
  8: 'hvm',
  16: 'mem',
  32: 'pv',
  64: 'shadow',
  128: 'hw',
  2048: 'guest',
};

/** The reader of xentrace buffers against the counts in `stats.json`, kind by kind, CPU by CPU. */
export const xentraceSet: ConformanceSet = {
  name: 'xentrace',
  folder: 'xen',
  *rows(folder) {
    for (const run of recordingNames(folder)) {
      const path = join(folder, run);
      const stats = recordingText(path, 'stats.json');
      if (stats === null) continue;
      for (const one of JSON.parse(stats) as Stats[]) yield judge(path, run, one);
    }
  },
};

function judge(path: string, run: string, stats: Stats): Row {
  const row = new RowBuilder('xentrace', `${run}/${stats.file}`);
  const text = recordingText(path, stats.file);
  if (text === null) return row.row();
  const trace = readXentrace(Buffer.from(text, 'latin1'));
  const { counts } = trace;
  const found = tally(trace);
  const single = (name: string, expected: number, actual: number): void =>
    row.compare(name, stats.file, expected, actual);
  single('records', stats.records, counts.records + counts.windows);
  single('windows', stats.windows, counts.windows);
  single('trailing bytes', stats.trailing, counts.tornBytes);
  single('records without a stamp', stats.no_cycles, found.unstamped);
  single('lost events', stats.lost_events, counts.lostEvents);
  single('lost records', stats.lost_records, counts.lostRecords);
  single('stamps that go back', stats.tsc_backwards_within_cpu, found.backwards);
  const table = (
    name: string,
    expected: Readonly<Record<string, number>>,
    actual: Record<string, number>,
  ): void => {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)]))
      row.compare(`${name} ${key}`, stats.file, expected[key] ?? 0, actual[key] ?? 0);
  };
  table('records of CPU', stats.per_cpu, found.perCpu);
  table('first stamp of CPU', stats.tsc_first, found.first);
  table('last stamp of CPU', stats.tsc_last, found.last);
  table('class', stats.classes, { ...found.classes, gen: (found.classes['gen'] ?? 0) + counts.windows });
  table('payload words', stats.extra_words, { ...found.words, 2: (found.words['2'] ?? 0) + counts.windows });
  table('event', stats.events, { ...found.events, '0x0001f003': counts.windows });
  table('hypercall', stats.hypercalls, found.hypercalls);
  return row.row();
}

type Tally = Record<string, number>;
const add = (tally: Tally, key: string | number): void => {
  tally[key] = (tally[key] ?? 0) + 1;
};

function tally(trace: Xentrace) {
  const found = {
    unstamped: 0,
    backwards: 0,
    perCpu: {} as Tally,
    first: {} as Tally,
    last: {} as Tally,
    classes: {} as Tally,
    words: {} as Tally,
    events: {} as Tally,
    hypercalls: {} as Tally,
  };
  for (const record of trace.records) {
    const { cpu, event, cycles, isStamped, words } = record;
    add(found.perCpu, cpu);
    add(found.classes, classNames[event >>> 16] ?? String(event >>> 16));
    add(found.words, words.length);
    add(found.events, `0x${event.toString(16).padStart(8, '0')}`);
    const call = decodeHypercall(record);
    if (call !== null) add(found.hypercalls, call.isSubcall ? `sub ${call.nr}` : call.nr);
    if (!isStamped || cycles === null) {
      found.unstamped += 1;
      continue;
    }
    const tsc = trace.baseCycles + cycles;
    if (tsc < (found.last[cpu] ?? 0)) found.backwards += 1;
    found.first[cpu] ??= tsc;
    found.last[cpu] = tsc;
  }
  return found;
}
