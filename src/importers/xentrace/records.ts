import { Trouble } from '../../base/errors.js';

/** Header word of the record that opens a window: CPU number and bytes that follow. @source facts/xen 9.1 */
const CPU_CHANGE = 0x2001_f003;
const LOST_RECORDS = 0x0001_f001;
const SCHEDULER_CLASS = 0x0002_0000;

/** One record. `words` are its payload. */
export interface XentraceRecord {
  readonly cpu: number;
  /** 28-bit event number. */
  readonly event: number;
  /** Cycles since `baseCycles`; of the record before on the same CPU where it has none; null before the first. */
  readonly cycles: number | null;
  /** It carries a time of its own. */
  readonly isStamped: boolean;
  readonly words: Uint32Array;
}

/** What was in the file. */
export interface XentraceCounts {
  records: number;
  windows: number;
  lostEvents: number;
  lostRecords: number;
  /** Records of the scheduler: without any, nobody can say whose the others are. */
  scheduler: number;
  /** Bytes of a last window or record that is not all there. */
  tornBytes: number;
}

/** Records of one CPU in file order, as places in the words of the file. */
interface CpuRecords {
  readonly cpu: number;
  readonly places: number[];
  readonly cycles: number[];
}

/** A read trace buffer. */
export interface Xentrace {
  readonly counts: Readonly<XentraceCounts>;
  /** What `cycles` count from: the upper half of the first stamp, in cycles. */
  readonly baseCycles: number;
  /** Every record except CPU_CHANGE, merged by time; equal times in the order of the CPUs. */
  records(): Generator<XentraceRecord>;
}

/**
 * Reads the binary output of `xentrace`: windows of one CPU each, whole records inside. The last window may be torn.
 * @throws {Trouble} XTR-001 no window where one must begin; XTR-002 a window of an impossible size; XTR-003 a record
 *   that leaves its window.
 * @source facts/xen 9.1
 * @cost O(bytes) time; 16 bytes of memory a record.
 */
export function readXentrace(bytes: Uint8Array): Xentrace {
  const words = new Uint32Array(bytes.length >>> 2);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < words.length; i++) words[i] = view.getUint32(4 * i, true);
  const counts: XentraceCounts = {
    records: 0,
    windows: 0,
    lostEvents: 0,
    lostRecords: 0,
    scheduler: 0,
    tornBytes: 0,
  };
  const cpus = new Map<number, CpuRecords>();
  const stamp = new Stamps();
  let at = 0;
  while (at < words.length) {
    if (at + 3 > words.length) break;
    if (words[at] !== CPU_CHANGE) throw noWindow(at, words[at]!);
    const cpu = words[at + 1]!;
    const sizeBytes = words[at + 2]!;
    if (sizeBytes % 4 !== 0) throw badWindow(at, sizeBytes);
    counts.windows += 1;
    at += 3;
    const list = cpus.get(cpu) ?? { cpu, places: [], cycles: [] };
    cpus.set(cpu, list);
    const end = at + sizeBytes / 4;
    at = readWindow(words, at, end, list, counts, stamp);
    if (at < end) break;
  }
  counts.tornBytes = bytes.length - 4 * Math.min(at, words.length);
  const order = [...cpus.values()].sort((a, b) => a.cpu - b.cpu);
  return { counts, baseCycles: stamp.baseCycles, records: () => merged(words, order) };
}

/** Cycles relative to the first stamp, exact although stamps have 64 bits. */
class Stamps {
  #base: number | null = null;

  get baseCycles(): number {
    return (this.#base ?? 0) * 0x1_0000_0000;
  }

  read(low: number, high: number): number {
    this.#base ??= high;
    return (high - this.#base) * 0x1_0000_0000 + low;
  }
}

/** @returns The place behind the window, or of the first record that is not all there. */
function readWindow(
  words: Uint32Array,
  from: number,
  end: number,
  list: CpuRecords,
  counts: XentraceCounts,
  stamp: Stamps,
): number {
  let at = from;
  while (at < end) {
    const header = words[at];
    if (header === undefined) return at;
    const hasCycles = header >>> 31 === 1;
    const next = at + 1 + (hasCycles ? 2 : 0) + ((header >>> 28) & 7);
    if (next > end) throw badRecord(at, header);
    if (next > words.length) return at;
    const before = list.cycles.at(-1) ?? -1;
    counts.records += 1;
    list.places.push(at);
    list.cycles.push(hasCycles ? stamp.read(words[at + 1]!, words[at + 2]!) : before);
    if ((header & 0x0fff_0000) === SCHEDULER_CLASS) counts.scheduler += 1;
    if ((header & 0x0fff_ffff) === LOST_RECORDS) {
      counts.lostEvents += 1;
      counts.lostRecords += words[at + (hasCycles ? 3 : 1)] ?? 0;
    }
    at = next;
  }
  return at;
}

/** Takes the CPU whose next record is earliest; there are few CPUs, so a scan beats a heap. */
function* merged(words: Uint32Array, cpus: readonly CpuRecords[]): Generator<XentraceRecord> {
  const next = cpus.map(() => 0);
  for (;;) {
    let best = -1;
    let bestCycles = Number.POSITIVE_INFINITY;
    for (let i = 0; i < cpus.length; i++) {
      const cycles = cpus[i]!.cycles[next[i]!];
      if (cycles === undefined || cycles >= bestCycles) continue;
      best = i;
      bestCycles = cycles;
    }
    if (best < 0) return;
    const { cpu, places } = cpus[best]!;
    const at = places[next[best]!]!;
    next[best]! += 1;
    const header = words[at]!;
    const payload = at + (header >>> 31 === 1 ? 3 : 1);
    yield {
      cpu,
      event: header & 0x0fff_ffff,
      cycles: bestCycles < 0 ? null : bestCycles,
      isStamped: header >>> 31 === 1,
      words: words.subarray(payload, payload + ((header >>> 28) & 7)),
    };
  }
}

const hint = 'the file is no output of xentrace, or was cut in its middle';

function noWindow(at: number, actual: number): Trouble {
  return new Trouble('XTR-001', 'no window of a CPU begins here', {
    at: { offsetBytes: 4 * at },
    expected: `0x${CPU_CHANGE.toString(16)}`,
    actual: `0x${actual.toString(16)}`,
    hint,
  });
}

function badWindow(at: number, sizeBytes: number): Trouble {
  return new Trouble('XTR-002', 'a window of an impossible size', {
    at: { offsetBytes: 4 * at + 8 },
    expected: 'a multiple of 4',
    actual: String(sizeBytes),
    hint,
  });
}

function badRecord(at: number, header: number): Trouble {
  return new Trouble('XTR-003', 'a record leaves its window', {
    at: { offsetBytes: 4 * at },
    actual: `0x${header.toString(16)}`,
    hint,
  });
}
