import type { Xentrace, XentraceRecord } from './records.js';
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

const IO_NUMBERS: readonly number[] = [0x16, 0x17];
const HVM_HANDLER = 0x0008_2000;
const WIDE = 0x100;
const WRITE = 0x200;

/**
 * The accesses of HVM and PVH guests in a trace, in order; ones of unknown domains are counted. A trace without any
 * record of the scheduler is taken to be domain 0's, a virtual CPU for each CPU. @source facts/xen 9.2, 9.3
 */
export function* recordedIo(
  trace: Xentrace,
  skipped: { unattributed: number } = { unattributed: 0 },
): Generator<RecordedIo> {
  const running = new Running();
  for (const record of trace.records()) {
    running.see(record);
    const access = decodeIo(record);
    if (access === null) continue;
    const who = trace.counts.scheduler === 0 ? { domid: 0, vcpu: record.cpu } : running.on(record.cpu);
    if (who === null) skipped.unattributed += 1;
    else yield { ...who, ...access };
  }
}

/** Null for a record that is no access. */
function decodeIo({ event, cycles, words }: XentraceRecord): Omit<RecordedIo, 'domid' | 'vcpu'> | null {
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
