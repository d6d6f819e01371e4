import type { XentraceRecord } from './record.js';

/** Who runs on a CPU. */
export interface RunningVcpu {
  readonly domid: number;
  readonly vcpu: number;
}

const RUNSTATE_CHANGE = 0x0002_1001;
const CONTINUE_RUNNING = 0x0002_1002;
const SCHED_SWITCH = 0x0002_800a;
const RUNNING = 0;

/**
 * Follows the scheduler's records: I/O records name neither domain nor virtual CPU.
 * @source facts/xen 9.2
 */
export class Running {
  readonly #byCpu = new Map<number, RunningVcpu>();

  see({ cpu, event, words }: XentraceRecord): void {
    if (event === SCHED_SWITCH && words.length >= 4) {
      this.#byCpu.set(cpu, { domid: words[2]! & 0xffff, vcpu: words[3]! & 0xffff });
    } else if (words.length >= 1 && becomesRunning(event)) {
      this.#byCpu.set(cpu, { domid: words[0]! >>> 16, vcpu: words[0]! & 0xffff });
    }
  }

  /** Null when no record has said it yet: the trace has no scheduler records, or they come later. */
  on(cpu: number): RunningVcpu | null {
    return this.#byCpu.get(cpu) ?? null;
  }
}

const becomesRunning = (event: number): boolean =>
  event === CONTINUE_RUNNING || ((event & ~0xff0) === RUNSTATE_CHANGE && ((event >>> 4) & 3) === RUNNING);
