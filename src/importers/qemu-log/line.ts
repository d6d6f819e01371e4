import { Names } from './names.js';
import { emptyRecord, type QemuRecord } from './record.js';

/** What became of a line. `other`: a trace event or message that is not about PCI; `bad`: a PCI event out of form. */
export type LineResult = 'read' | 'other' | 'bad';

const code = (text: string): number => text.charCodeAt(0);
const SPACE = code(' ');
const COLON = code(':');
const DOT = code('.');
const AT = code('@');
const ZERO = code('0');
const X = code('x');
const QUOTE = code("'");
const MINUS = code('-');
const COMMA = code(',');
const PLUS = code('+');

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const CONFIG_READ = ascii('pci_cfg_read ');
const CONFIG_WRITE = ascii('pci_cfg_write ');
const REGION_READ = ascii('memory_region_ops_read ');
const REGION_WRITE = ascii('memory_region_ops_write ');
const MAPPING_ADD = ascii('pci_update_mappings_add ');
const MAPPING_DEL = ascii('pci_update_mappings_del ');
const MSIX_CONTROL = ascii('msix_write_config ');
const ITS_MESSAGE = ascii('gicv3_its_translation_write ');
const RUN_STATE = ascii('runstate_set ');

const CPU = ascii('cpu ');
const MR = ascii(' mr ');
const ADDR = ascii(' addr 0x');
const VALUE = ascii(' value 0x');
const SIZE = ascii(' size ');
const NAME = ascii(" name '");
const DEV = ascii('dev ');
const ENABLED = ascii(' enabled ');
const MASKED = ascii(' masked ');
const ITS_TEXT = ascii('GICv3 ITS TRANSLATER write: offset 0x');
const ITS_DATA = ascii(' data 0x');
const ITS_REQUESTER = ascii(' requester_id 0x');
const RUN_CURRENT = ascii('current_run_state ');
const RUN_NEW = ascii(' new_state ');

/**
 * Reads single lines of QEMU's `log` trace backend into one reused record.
 * @source facts/q35-qemu 4.1, 4.2
 */
export class QemuLine {
  readonly record: QemuRecord = emptyRecord();
  readonly #names = new Names();
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  /** Of the number read last. */
  #high = 0;

  /** Reads `bytes[from, to)`, one line without its end. @cost O(length), no allocation for names seen before */
  read(bytes: Uint8Array, from: number, to: number): LineResult {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
    this.#prefix();
    switch (bytes[this.#at]) {
      case 109: // m
        if (this.#skip(REGION_READ)) return this.#region('region-read');
        if (this.#skip(REGION_WRITE)) return this.#region('region-write');
        return this.#skip(MSIX_CONTROL) ? this.#msixControl() : 'other';
      case 112: // p
        if (this.#skip(CONFIG_READ)) return this.#config('config-read');
        if (this.#skip(CONFIG_WRITE)) return this.#config('config-write');
        if (this.#skip(MAPPING_ADD)) return this.#mapping('mapping-add');
        return this.#skip(MAPPING_DEL) ? this.#mapping('mapping-del') : 'other';
      case 103: // g
        return this.#skip(ITS_MESSAGE) ? this.#itsMessage() : 'other';
      case 114: // r
        return this.#skip(RUN_STATE) ? this.#runState() : 'other';
      default:
        return 'other';
    }
  }

  /** `TID@SEC.USEC:` of `-msg timestamp=on`, or an ISO 8601 time; both may be missing. */
  #prefix(): void {
    const { record } = this;
    const bytes = this.#bytes;
    record.atUs = -1;
    record.thread = -1;
    const start = this.#at;
    const first = bytes[start]! - ZERO;
    if (!(first >= 0 && first <= 9)) return;
    const thread = this.#decimal();
    if (bytes[this.#at] === AT) {
      this.#at += 1;
      const seconds = this.#decimal();
      if (bytes[this.#at] === DOT) {
        this.#at += 1;
        const micros = this.#decimal();
        if (bytes[this.#at] === COLON) {
          this.#at += 1;
          record.thread = thread;
          record.atUs = seconds * 1e6 + micros;
          return;
        }
      }
    }
    this.#at = start;
    this.#isoTime();
  }

  /** `2026-01-02T03:04:05.678901Z event`. */
  #isoTime(): void {
    const start = this.#at;
    const blank = this.#blank(start, Math.min(start + 40, this.#end));
    if (blank < 0) return;
    const text = String.fromCharCode(...this.#bytes.subarray(start, blank));
    const parts = ISO.exec(text);
    if (parts === null) return;
    const millis = Date.parse(`${parts[1]}Z`);
    if (Number.isNaN(millis)) return;
    this.record.atUs = millis * 1000 + Number((parts[2] ?? '').slice(0, 6).padEnd(6, '0'));
    this.#at = blank + 1;
  }

  /** `NAME BB:DD.F @0xOFF -> 0xVAL`, read from its end: a name may hold blanks. */
  #config(kind: 'config-read' | 'config-write'): LineResult {
    const bytes = this.#bytes;
    const start = this.#at;
    const { record } = this;
    let at = this.#hexBackwards(this.#end);
    if (at < 0) return 'bad';
    const value = this.#low;
    // ` -> ` or ` <- `
    if (bytes[at - 1] !== SPACE || bytes[at - 4] !== SPACE) return 'bad';
    at = this.#hexBackwards(at - 4);
    if (at < 0 || bytes[at - 1] !== AT || bytes[at - 2] !== SPACE) return 'bad';
    if (this.#high !== 0 || this.#low >= CONFIG_BYTES) return 'bad';
    record.kind = kind;
    record.address = this.#low;
    record.value = value;
    record.valueHigh = 0;
    return this.#place(start, at - 2) ? 'read' : 'bad';
  }

  /** `NAME BB:DD.F` before `end`; `NAME SS:F`, with a decimal slot, in old logs. */
  #place(start: number, end: number): boolean {
    const bytes = this.#bytes;
    const { record } = this;
    const fn = hexDigit(bytes[end - 1]!);
    if (fn < 0 || fn > 7) return false;
    let at = end - 2;
    if (bytes[at] === DOT) {
      const device = pair(bytes, at - 2);
      const bus = pair(bytes, at - 5);
      if (bytes[at - 3] !== COLON || device < 0 || device > 31 || bus < 0) return false;
      record.bus = bus;
      record.devfn = (device << 3) | fn;
      at -= 6;
    } else {
      if (bytes[at] !== COLON) return false;
      const tens = bytes[at - 2]! - ZERO;
      const ones = bytes[at - 1]! - ZERO;
      if (!(tens >= 0 && tens <= 3 && ones >= 0 && ones <= 9)) return false;
      record.bus = -1;
      record.devfn = ((tens * 10 + ones) << 3) | fn;
      at -= 3;
    }
    if (at < start || bytes[at] !== SPACE) return false;
    record.name = this.#names.at(bytes, start, at);
    return true;
  }

  /** `cpu N mr 0xP addr 0xA value 0xV size S name 'NAME'`, read from its end; the name is missing in old logs. */
  #region(kind: 'region-read' | 'region-write'): LineResult {
    const { record } = this;
    const bytes = this.#bytes;
    if (!this.#skip(CPU)) return 'bad';
    const negative = bytes[this.#at] === MINUS;
    if (negative) this.#at += 1;
    const cpu = this.#decimal();
    if (cpu > 0xffff || !this.#skip(MR)) return 'bad';
    const start = this.#at;
    let end = this.#end;
    record.name = '';
    if (bytes[end - 1] === QUOTE) {
      let from = end - 2;
      while (from >= start && bytes[from] !== QUOTE) from -= 1;
      end = from + 1 - NAME.length;
      if (end < start || !this.#stands(NAME, end)) return 'bad';
      record.name = this.#names.at(bytes, from + 1, this.#end - 1);
    }
    const size = bytes[end - 1]! - ZERO;
    end -= 1 + SIZE.length;
    if (size < 1 || size > 8 || end < start || !this.#stands(SIZE, end)) return 'bad';
    end = this.#hexBackwards(end);
    if (end < start + VALUE.length || !this.#stands(VALUE, end + 2 - VALUE.length)) return 'bad';
    record.value = this.#low;
    record.valueHigh = this.#high;
    end = this.#hexBackwards(end + 2 - VALUE.length);
    if (end < start || !this.#stands(ADDR, end + 2 - ADDR.length)) return 'bad';
    record.kind = kind;
    record.cpu = negative ? -cpu : cpu;
    record.address = this.#high * TWO_32 + this.#low;
    record.sizeBytes = size;
    if (record.name === '') record.name = portName(record.address);
    return 'read';
  }

  /** `NAME BB:DD.F BAR,0xADDR+0xSIZE`. */
  #mapping(kind: 'mapping-add' | 'mapping-del'): LineResult {
    const { record } = this;
    const bytes = this.#bytes;
    const start = this.#at;
    let at = this.#hexBackwards(this.#end);
    if (at < 0 || bytes[at - 1] !== PLUS) return 'bad';
    const extent = this.#high * TWO_32 + this.#low;
    at = this.#hexBackwards(at - 1);
    if (at < 0 || bytes[at - 1] !== COMMA) return 'bad';
    const bar = bytes[at - 2]! - ZERO;
    if (bar < 0 || bar > 6 || bytes[at - 3] !== SPACE) return 'bad';
    record.kind = kind;
    record.bar = bar;
    record.address = this.#high * TWO_32 + this.#low;
    // Exact, which an address near 2^64 is not.
    record.value = this.#low;
    record.valueHigh = this.#high;
    record.extent = extent;
    if (!Number.isSafeInteger(extent)) return 'bad';
    return this.#place(start, at - 3) ? 'read' : 'bad';
  }

  /** `dev NAME enabled E masked M`. */
  #msixControl(): LineResult {
    if (!this.#skip(DEV)) return 'bad';
    const start = this.#at;
    const tail = this.#end - (ENABLED.length + MASKED.length + 2);
    this.#at = tail;
    if (tail < start || !this.#skip(ENABLED)) return 'bad';
    const enabled = this.#decimal();
    if (!this.#skip(MASKED)) return 'bad';
    const masked = this.#decimal();
    const { record } = this;
    record.kind = 'msix-control';
    record.name = this.#names.at(this.#bytes, start, tail);
    record.enabled = enabled === 1;
    record.masked = masked === 1;
    return 'read';
  }

  #itsMessage(): LineResult {
    const { record } = this;
    if (!this.#skip(ITS_TEXT) || !this.#hex()) return 'bad';
    record.address = this.#low;
    if (!this.#skip(ITS_DATA) || !this.#hex()) return 'bad';
    record.value = this.#low;
    record.valueHigh = this.#high;
    if (!this.#skip(SIZE)) return 'bad';
    record.sizeBytes = this.#decimal();
    if (!this.#skip(ITS_REQUESTER) || !this.#hex() || this.#high !== 0 || this.#low > 0xffff) return 'bad';
    record.kind = 'its-message';
    record.extent = this.#low;
    return 'read';
  }

  /** `current_run_state N (name) new_state N (name)`. */
  #runState(): LineResult {
    const { record } = this;
    if (!this.#skip(RUN_CURRENT)) return 'bad';
    record.value = this.#decimal();
    const blank = this.#blank(this.#at + 1, this.#end);
    if (blank < 0) return 'bad';
    this.#at = blank;
    if (!this.#skip(RUN_NEW)) return 'bad';
    record.kind = 'run-state';
    record.extent = this.#decimal();
    return 'read';
  }

  #low = 0;

  /** Where the next blank is before `to`, looking no further: behind the line stand the others. */
  #blank(from: number, to: number): number {
    for (let at = from; at < to; at++) if (this.#bytes[at] === SPACE) return at;
    return -1;
  }

  /** Skips `text` when the line goes on with it. */
  #skip(text: Uint8Array): boolean {
    const at = this.#at;
    if (at + text.length > this.#end) return false;
    const bytes = this.#bytes;
    // Event names share their beginnings: the end tells them apart soonest.
    for (let i = text.length - 1; i >= 0; i--) if (bytes[at + i] !== text[i]) return false;
    this.#at = at + text.length;
    return true;
  }

  #decimal(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (; this.#at < this.#end; this.#at++) {
      const digit = bytes[this.#at]! - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
    }
    return value;
  }

  /** Reads 1 to 16 hex digits from here into `#low` and `#high`. */
  #hex(): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    let low = 0;
    let high = 0;
    let at = start;
    for (; at < this.#end; at++) {
      const digit = hexDigit(bytes[at]!);
      if (digit < 0) break;
      if (at - start >= 8) high = ((high << 4) | (low >>> 28)) >>> 0;
      low = ((low << 4) | digit) >>> 0;
    }
    this.#at = at;
    this.#low = low;
    this.#high = high;
    return at > start && at - start <= 16;
  }

  /** Reads `0x` and up to 16 digits that end before `end`. @returns where `0x` starts, -1 when it is not there */
  #hexBackwards(end: number): number {
    const bytes = this.#bytes;
    let low = 0;
    let high = 0;
    let shift = 0;
    let at = end - 1;
    for (; at > 0; at--) {
      const digit = DIGITS[bytes[at]!]!;
      if (digit < 0) break;
      if (shift < 32) low |= digit << shift;
      else high |= digit << (shift - 32);
      shift += 4;
    }
    if (shift === 0 || shift > 64 || bytes[at] !== X || bytes[at - 1] !== ZERO) return -1;
    this.#low = low >>> 0;
    this.#high = high >>> 0;
    return at - 1;
  }

  /** Whether `text` stands at `at`. */
  #stands(text: Uint8Array, at: number): boolean {
    const bytes = this.#bytes;
    for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
    return true;
  }
}

const TWO_32 = 2 ** 32;
/** Configuration space of a function; QEMU prints no register beyond it. */
const CONFIG_BYTES = 4096;
const ISO = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:?00)$/;

/** Regions that old logs do not name but whose address says which they are. */
const portName = (address: number): string =>
  address >= 0xcfc && address < 0xd00 ? 'pci-conf-data' : address === 0xcf8 ? 'pci-conf-idx' : '';

/** By byte: 0 to 15; -1 for what is no hex digit. */
const DIGITS = Int8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? -1 : digit;
});
const hexDigit = (byte: number): number => DIGITS[byte] ?? -1;

/** Two hex digits at `at`; negative when they are none. */
function pair(bytes: Uint8Array, at: number): number {
  const high = hexDigit(bytes[at]!);
  const low = hexDigit(bytes[at + 1]!);
  return high < 0 || low < 0 ? -1 : (high << 4) | low;
}

/** Whether the line begins as one of QEMU's PCI trace events does, after an optional time. */
export const LOOKS_LIKE_QEMU_LOG =
  /^(?:\d+@\d+\.\d+:|\d{4}-\d\d-\d\dT\S+ )?(?:pci_cfg_(?:read|write)|memory_region_ops_(?:read|write)|pci_update_mappings_(?:add|del)|msix_write_config|runstate_set|apic_deliver_irq|gicv3_\w+|acpi_pci_\w+|cpu_(?:in|out)) /;
