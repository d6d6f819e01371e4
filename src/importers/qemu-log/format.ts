import { limits } from '../../base/limits.js';
import type { Format, Out } from '../importer.js';
import { QemuLogEvents } from './events.js';
import { LOOKS_LIKE_QEMU_LOG } from './line.js';
import { QemuLogParser } from './parser.js';
import type { QemuRecord } from './record.js';
import { QemuLogSurveyor } from './survey.js';

/** The output of QEMU's `log` trace backend. */
export const qemuLogFormat: Format = {
  name: 'qemu-log',
  doc: "the output of QEMU's log trace backend",
  detect: (head) =>
    new TextDecoder('latin1')
      .decode(head)
      .split('\n', 200)
      .some((line) => LOOKS_LIKE_QEMU_LOG.test(line)),
  open(out) {
    const log = new QemuLog(out);
    const parser = new QemuLogParser((record) => log.take(record));
    const count = (): void => {
      out.counts.records = parser.records;
      out.counts.skipped = parser.skipped;
      out.counts.lost = parser.lost;
    };
    return {
      push(bytes) {
        parser.push(bytes);
        count();
      },
      end() {
        parser.finish();
        log.end();
        count();
      },
    };
  },
};

/**
 * The records of one log on their way to events. Names of functions begin with their bridge, and a Q35 names its bridge
 * by a window that the guest's firmware places: records wait until one was used, `limits.qemuLogAheadRecords` of them,
 * then the bridge goes by port 0xcf8.
 */
class QemuLog {
  readonly #out: Out;
  readonly #survey = new QemuLogSurveyor();
  #waiting: QemuRecord[] = [];
  #events: QemuLogEvents | null = null;

  constructor(out: Out) {
    this.#out = out;
  }

  take(record: QemuRecord): void {
    if (this.#events !== null) {
      this.#events.take(record);
      return;
    }
    this.#survey.take(record);
    // The parser fills one object again and again.
    this.#waiting.push({ ...record });
    if (this.#survey.isComplete || this.#waiting.length >= limits.qemuLogAheadRecords) this.#begin();
  }

  end(): void {
    if (this.#events === null) this.#begin();
    this.#events?.finish();
  }

  #begin(): void {
    const machine = this.#survey.machine();
    const out = this.#out;
    if (machine.startUs !== null) out.clock({ is: 'wall', zeroUs: machine.startUs });
    out.fact({ is: 'name', name: 'qemu' });
    if (machine.arch !== null) out.fact({ is: 'arch', arch: machine.arch });
    const bridge = out.bridge(machine.bridge);
    for (const fn of machine.functions) out.fact({ is: 'function', bridge, ...fn });
    this.#events = new QemuLogEvents(out, bridge, machine);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const record of waiting) this.#events.take(record);
  }
}
