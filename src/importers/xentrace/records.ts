import { Trouble } from '../../base/errors.js';
import { limits } from '../../base/limits.js';
import { CpuQueue } from './cpu-queue.js';
import type { XentraceRecord } from './record.js';

/** Header word of the record that opens a window: CPU number and bytes that follow. @source facts/xen 9.1 */
const CPU_CHANGE = 0x2001_f003;
const LOST_RECORDS = 0x0001_f001;
const TWO_32 = 0x1_0000_0000;

/** What was in the file. */
export interface XentraceCounts {
  records: number;
  windows: number;
  lostEvents: number;
  lostRecords: number;
  /** Bytes of a last window or record that is not all there. */
  tornBytes: number;
}

/**
 * Reads the binary output of `xentrace` as its bytes come: windows of one CPU each, whole records inside; the last one
 * may be torn. Records come out in the order of their times, equal times in the order of the CPUs.
 *
 * `xentrace` empties the buffers of all CPUs in turn, again and again. So when a CPU comes round, nothing older than
 * what the first CPU of that round ended with can follow: those records are let go, later ones wait. A file that does
 * not keep to this, as one window without an end, is let go of in halves at `limits.xentraceAheadRecords`.
 * @throws {Trouble} XTR-001 no window where one must begin; XTR-002 a window of an impossible size; XTR-003 a record
 *   that leaves its window; XTR-004 a stamp too far from the first; XTR-005 a CPU no Xen has
 * @source facts/xen 9.1; xen tools/xentrace/xentrace.c, monitor_tbufs
 * @cost O(bytes) time; memory of one round of buffers, bounded
 */
export class XentraceStream {
  readonly counts: XentraceCounts = { records: 0, windows: 0, lostEvents: 0, lostRecords: 0, tornBytes: 0 };
  readonly #sink: (record: XentraceRecord) => void;
  readonly #ahead: number;
  readonly #cpus: CpuQueue[] = [];
  readonly #byNumber = new Map<number, CpuQueue>();
  /** Bytes of a record or window header whose rest has not come. */
  #pending = new Uint8Array(0);
  /** Bytes of the file before `#pending`. */
  #offsetBytes = 0;
  #window: { readonly cpu: CpuQueue; leftWords: number } | null = null;
  #waiting = 0;
  readonly #round = new Set<CpuQueue>();
  #first: CpuQueue | null = null;
  #horizon = -1;
  #baseHigh: number | null = null;

  constructor(sink: (record: XentraceRecord) => void, ahead: number = limits.xentraceAheadRecords) {
    this.#sink = sink;
    this.#ahead = ahead;
  }

  /** What `cycles` count from. */
  get baseCycles(): number {
    return (this.#baseHigh ?? 0) * TWO_32;
  }

  push(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#pending.length + bytes.length);
    joined.set(this.#pending);
    joined.set(bytes, this.#pending.length);
    const words = wordsOf(joined);
    const read = this.#read(words);
    this.#offsetBytes += 4 * read;
    this.#pending = joined.slice(4 * read);
    while (this.#waiting > this.#ahead) this.#release(Number.POSITIVE_INFINITY, this.#ahead >> 1);
  }

  end(): void {
    this.counts.tornBytes = this.#pending.length;
    this.#release(Number.POSITIVE_INFINITY, 0);
  }

  /** @returns Words that were taken. */
  #read(words: Uint32Array): number {
    let at = 0;
    for (;;) {
      const window = this.#window;
      if (window === null) {
        if (at + 3 > words.length) return at;
        this.#open(words, at);
        at += 3;
        continue;
      }
      const end = this.#records(words, at, window.cpu, window.leftWords);
      window.leftWords -= end - at;
      at = end;
      if (window.leftWords > 0) return at;
      this.#window = null;
      if (window.cpu === this.#first) this.#horizon = window.cpu.lastCycles;
    }
  }

  #open(words: Uint32Array, at: number): void {
    if (words[at] !== CPU_CHANGE) throw this.#noWindow(at, words[at]!);
    const number = words[at + 1]!;
    const sizeBytes = words[at + 2]!;
    if (sizeBytes % 4 !== 0) throw this.#badWindow(at, sizeBytes);
    if (number >= limits.xenCpus) throw this.#badCpu(at, number);
    this.counts.windows += 1;
    const cpu = this.#cpu(number);
    if (this.#round.has(cpu)) {
      this.#release(this.#horizon, 0);
      this.#round.clear();
    }
    if (this.#round.size === 0) {
      this.#first = cpu;
      this.#horizon = -1;
    }
    this.#round.add(cpu);
    this.#window = { cpu, leftWords: sizeBytes / 4 };
  }

  #cpu(number: number): CpuQueue {
    let cpu = this.#byNumber.get(number);
    if (cpu === undefined) {
      cpu = new CpuQueue(number);
      this.#byNumber.set(number, cpu);
      this.#cpus.push(cpu);
      this.#cpus.sort((one, other) => one.number - other.number);
    }
    return cpu;
  }

  /** Whole records from `from` on. @returns The place behind them. */
  #records(words: Uint32Array, from: number, cpu: CpuQueue, leftWords: number): number {
    const end = from + leftWords;
    let at = from;
    cpu.begin(words);
    while (at < end) {
      const header = words[at];
      if (header === undefined) break;
      const hasCycles = header >>> 31 === 1;
      const next = at + 1 + (hasCycles ? 2 : 0) + ((header >>> 28) & 7);
      if (next > end) throw this.#badRecord(at, header);
      if (next > words.length) break;
      this.counts.records += 1;
      this.#waiting += 1;
      cpu.add(at, hasCycles ? this.#stamp(words, at) : cpu.lastCycles);
      if ((header & 0x0fff_ffff) === LOST_RECORDS) {
        this.counts.lostEvents += 1;
        this.counts.lostRecords += words[at + (hasCycles ? 3 : 1)] ?? 0;
      }
      at = next;
    }
    return at;
  }

  /** Relative to the first stamp, so that 64-bit stamps stay exact; others may be a little before it. */
  #stamp(words: Uint32Array, at: number): number {
    const low = words[at + 1]!;
    const high = words[at + 2]!;
    this.#baseHigh ??= Math.max(high - 1, 0);
    const cycles = (high - this.#baseHigh) * TWO_32 + low;
    if (cycles < 0 || cycles > Number.MAX_SAFE_INTEGER) throw this.#farStamp(at, high, low);
    return cycles;
  }

  /** Lets go what is before `horizon`, earliest first, until `keep` records wait. There are few CPUs: a scan beats a heap. */
  #release(horizon: number, keep: number): void {
    while (this.#waiting > keep) {
      let best: CpuQueue | null = null;
      let bestCycles = horizon;
      for (const cpu of this.#cpus) {
        if (cpu.waiting === 0 || cpu.nextCycles >= bestCycles) continue;
        best = cpu;
        bestCycles = cpu.nextCycles;
      }
      if (best === null) return;
      this.#waiting -= 1;
      this.#sink(best.take());
    }
  }

  #at(words: number): { readonly offsetBytes: number } {
    return { offsetBytes: this.#offsetBytes + 4 * words };
  }

  #noWindow(at: number, actual: number): Trouble {
    return new Trouble('XTR-001', 'no window of a CPU begins here', {
      at: this.#at(at),
      expected: `0x${CPU_CHANGE.toString(16)}`,
      actual: `0x${actual.toString(16)}`,
      hint,
    });
  }

  #badWindow(at: number, sizeBytes: number): Trouble {
    return new Trouble('XTR-002', 'a window of an impossible size', {
      at: this.#at(at + 2),
      expected: 'a multiple of 4',
      actual: String(sizeBytes),
      hint,
    });
  }

  #badRecord(at: number, header: number): Trouble {
    return new Trouble('XTR-003', 'a record leaves its window', {
      at: this.#at(at),
      actual: `0x${header.toString(16)}`,
      hint,
    });
  }

  #farStamp(at: number, high: number, low: number): Trouble {
    return new Trouble('XTR-004', 'a stamp too far from the first', {
      at: this.#at(at + 1),
      expected: `0x${this.baseCycles.toString(16)} to 2^53 cycles later, some 40 days`,
      actual: `0x${high.toString(16).padStart(8, '0')}${low.toString(16).padStart(8, '0')}`,
      hint: 'the file is damaged, or is of two boots',
    });
  }

  #badCpu(at: number, number: number): Trouble {
    return new Trouble('XTR-005', 'a CPU no Xen has', {
      at: this.#at(at + 1),
      expected: `0 to ${limits.xenCpus - 1}`,
      actual: String(number),
      hint,
    });
  }
}

const hint = 'the file is no output of xentrace, or was cut in its middle';

function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(bytes.length >>> 2);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < words.length; i++) words[i] = view.getUint32(4 * i, true);
  return words;
}

/** A whole trace buffer, read. */
export interface Xentrace {
  readonly counts: Readonly<XentraceCounts>;
  readonly baseCycles: number;
  readonly records: readonly XentraceRecord[];
}

/** The same for a buffer that is in memory. @throws {Trouble} as `XentraceStream` */
export function readXentrace(bytes: Uint8Array): Xentrace {
  const records: XentraceRecord[] = [];
  const stream = new XentraceStream((record) => records.push(record));
  stream.push(bytes);
  stream.end();
  return { counts: stream.counts, baseCycles: stream.baseCycles, records };
}
