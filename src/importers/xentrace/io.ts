import { limits } from '../../base/limits.js';
import type { XentraceRecord } from './record.js';
import { Running, type RunningVcpu } from './running.js';

/** An access as the trace holds it: neither size nor repetitions are recorded. */
export interface RecordedIo extends RunningVcpu {
  readonly cycles: number | null;
  readonly space: 'port' | 'mem';
  readonly dir: 'read' | 'write';
  readonly addr: number;
  /** Null for string instructions, whose data stands in guest memory. */
  readonly data: number | null;
  readonly dataHigh: number | null;
}

type Access = Omit<RecordedIo, keyof RunningVcpu>;

const IO_NUMBERS: readonly number[] = [0x16, 0x17];
const HVM_HANDLER = 0x0008_2000;
const SCHEDULER_CLASS = 0x0002_0000;
const WIDE = 0x100;
const WRITE = 0x200;

/**
 * Finds the accesses of HVM and PVH guests among the records of a trace, in order; ones of unknown domains are counted.
 * A trace without any record of the scheduler is taken to be domain 0's, a virtual CPU for each CPU: accesses before
 * the first such record wait for it, `limits.xentraceAheadAccesses` of them.
 * @source facts/xen 9.2, 9.3
 */
export class Accesses {
  /** Accesses whose domain nobody can say. */
  unattributed = 0;
  readonly #sink: (access: RecordedIo) => void;
  readonly #running = new Running();
  #hasScheduler: boolean | null = null;
  #waiting: { readonly cpu: number; readonly access: Access }[] = [];

  constructor(sink: (access: RecordedIo) => void) {
    this.#sink = sink;
  }

  see(record: XentraceRecord): void {
    if (this.#hasScheduler === null && (record.event & 0x0fff_0000) === SCHEDULER_CLASS) {
      this.#hasScheduler = true;
      this.unattributed += this.#waiting.length;
      this.#waiting = [];
    }
    this.#running.see(record);
    const access = decodeIo(record);
    if (access === null) return;
    if (this.#hasScheduler === null) {
      this.#waiting.push({ cpu: record.cpu, access });
      if (this.#waiting.length >= limits.xentraceAheadAccesses) this.#giveUp();
      return;
    }
    const who = this.#hasScheduler ? this.#running.on(record.cpu) : { domid: 0, vcpu: record.cpu };
    if (who === null) this.unattributed += 1;
    else this.#sink({ ...who, ...access });
  }

  end(): void {
    if (this.#hasScheduler === null) this.#giveUp();
  }

  #giveUp(): void {
    this.#hasScheduler = false;
    const { length } = this.#waiting;
    for (let i = 0; i < length; i++) {
      const { cpu, access } = this.#waiting[i]!;
      this.#sink({ domid: 0, vcpu: cpu, ...access });
    }
    this.#waiting = [];
  }
}

/** The accesses of a trace that is in memory. */
export function recordedIo(
  records: readonly XentraceRecord[],
  skipped: { unattributed: number } = { unattributed: 0 },
): RecordedIo[] {
  const found: RecordedIo[] = [];
  const accesses = new Accesses((access) => found.push(access));
  for (const record of records) accesses.see(record);
  accesses.end();
  skipped.unattributed = accesses.unattributed;
  return found;
}

/** Null for a record that is no access. */
function decodeIo({ event, cycles, words }: XentraceRecord): Access | null {
  if ((event & ~0xfff) !== HVM_HANDLER || !IO_NUMBERS.includes(event & 0xff)) return null;
  const isWide = (event & WIDE) !== 0;
  const first = isWide ? 2 : 1;
  if (words.length < first) return null;
  const hasData = words.length > first;
  return {
    cycles,
    space: (event & 0xff) === 0x16 ? 'port' : 'mem',
    dir: (event & WRITE) === 0 ? 'read' : 'write',
    // Guest physical addresses end at 2^52.
    addr: words[0]! + (isWide ? (words[1]! & 0xf_ffff) * 0x1_0000_0000 : 0),
    data: hasData ? words[first]! : null,
    dataHigh: hasData && isWide ? (words[first + 1] ?? null) : null,
  };
}
