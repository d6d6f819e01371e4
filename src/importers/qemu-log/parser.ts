import { Trouble } from '../../base/errors.js';
import { limits } from '../../base/limits.js';
import { QemuLine } from './line.js';
import type { QemuRecord } from './record.js';

const NEWLINE = 10;
const RETURN = 13;
const QUOTE = 39;
const MOST_US = Math.floor(Number.MAX_SAFE_INTEGER / 1000);

/**
 * Reads QEMU's `log` trace backend as its bytes come, in pieces of any size: with or without timestamps, of any QEMU
 * since 5, guest errors and other events in between (those are counted as skipped).
 *
 * Memory is one line, whatever the length of the log.
 * @throws {Trouble} QLOG-001 nothing in the whole log is a trace line about PCI (by `finish`), QLOG-002 a line is too
 *   long for a trace line, QLOG-003 a PCI event does not have the form any known QEMU prints,
 *   QLOG-004 a time too far from the first
 * @cost some 3 M lines/s
 */
export class QemuLogParser {
  /** Lines about PCI. */
  records = 0;
  /** Lines about something else. */
  skipped = 0;
  /** 1 when the log ends inside a line that cannot be read any more. */
  lost = 0;
  readonly #line = new QemuLine();
  readonly #sink: (record: QemuRecord) => void;
  /** Bytes of a line whose end has not come yet. */
  #pending: Uint8Array = new Uint8Array(0);
  #lines = 0;
  #firstUs: number | null = null;

  /** @param sink Called for each record in order; the record object is reused. */
  constructor(sink: (record: QemuRecord) => void) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    let from = 0;
    if (this.#pending.length > 0) {
      const end = chunk.indexOf(NEWLINE);
      const head = end < 0 ? chunk : chunk.subarray(0, end);
      const joined = new Uint8Array(this.#pending.length + head.length);
      joined.set(this.#pending);
      joined.set(head, this.#pending.length);
      this.#keep(joined);
      if (end < 0) return;
      this.#pending = new Uint8Array(0);
      this.#take(joined, 0, joined.length);
      from = end + 1;
    }
    for (;;) {
      const end = chunk.indexOf(NEWLINE, from);
      if (end < 0) break;
      this.#take(chunk, from, end);
      from = end + 1;
    }
    if (from < chunk.length) this.#keep(chunk.slice(from));
  }

  /**
   * The log ended. A last line without its line feed may be cut inside a number: it counts only when it ends in the
   * quote that closes a region's name.
   */
  finish(): void {
    const rest = this.#pending;
    this.#pending = new Uint8Array(0);
    if (rest.length > 0) {
      this.#lines += 1;
      const { record } = this.#line;
      record.line = this.#lines;
      const result = this.#line.read(rest, 0, rest.length);
      if (result === 'read' && rest[rest.length - 1] === QUOTE) {
        this.records += 1;
        this.#checkTime(record.atUs);
        this.#sink(record);
      } else if (result === 'other') {
        this.skipped += 1;
      } else {
        this.lost += 1;
      }
    }
    if (this.records === 0) {
      throw new Trouble('QLOG-001', 'no trace event about PCI', {
        at: { line: this.#lines },
        expected: 'lines such as pci_cfg_read mch 00:00.0 @0x0 -> 0x8086',
        actual: `${this.#lines} other lines`,
        hint: 'start QEMU with -trace "pci_cfg_*" -D FILE',
      });
    }
  }

  #keep(rest: Uint8Array): void {
    if (rest.length > limits.qemuLogLineBytes) this.#tooLong(rest.length);
    this.#pending = rest;
  }

  #take(bytes: Uint8Array, from: number, to: number): void {
    this.#lines += 1;
    const line = this.#line;
    line.record.line = this.#lines;
    if (to - from > limits.qemuLogLineBytes) this.#tooLong(to - from);
    const end = to > from && bytes[to - 1] === RETURN ? to - 1 : to;
    const result = line.read(bytes, from, end);
    if (result === 'read') {
      this.records += 1;
      this.#checkTime(line.record.atUs);
      this.#sink(line.record);
    } else if (result === 'other') {
      this.skipped += 1;
    } else {
      throw new Trouble('QLOG-003', 'a PCI trace event is not in the form QEMU prints', {
        at: { line: this.#lines },
        actual: new TextDecoder().decode(bytes.subarray(from, Math.min(end, from + 200))),
        hint: 'docs/import-qemu.md lists the forms',
      });
    }
  }

  /** Events have nanoseconds since the first, which are exact for 104 days. */
  #checkTime(atUs: number): void {
    if (atUs < 0) return;
    this.#firstUs ??= atUs;
    if (Number.isSafeInteger(atUs) && atUs - this.#firstUs <= MOST_US) return;
    throw new Trouble('QLOG-004', 'a time is too far from the first one', {
      at: { line: this.#lines },
      expected: `at most ${MOST_US / 1e6} s after ${this.#firstUs / 1e6}`,
      actual: String(atUs / 1e6),
      hint: 'the line is damaged, or the log is of several machines',
    });
  }

  #tooLong(length: number): never {
    throw new Trouble('QLOG-002', 'a line is too long for a trace line', {
      at: { line: this.#lines + 1 },
      expected: `at most ${limits.qemuLogLineBytes} bytes`,
      actual: `${length} bytes or more`,
      hint: 'the file is no QEMU log, or is damaged',
    });
  }
}
