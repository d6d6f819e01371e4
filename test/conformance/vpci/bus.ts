import { Trouble } from '../../../src/base/errors.js';

/** One configuration access that reached a device of the machine, as its bus analyser wrote it down. */
export interface BusEntry {
  /** Place in `BusLog.entries`. */
  readonly index: number;
  /** Line of the log, from 1. */
  readonly line: number;
  readonly dir: 'read' | 'write';
  /** `bb:dd.f`. */
  readonly fn: string;
  readonly reg: number;
  readonly value: number;
}

const LINE =
  /^(?:\S+\s+)?pci_cfg_(?<dir>read|write) .+? (?<fn>[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) @(?<reg>0x[0-9a-f]+) (?:->|<-) (?<value>0x[0-9a-f]+)$/;

/**
 * `qemu-trace.log`: what the hardware was asked and what it held, in order, whoever asked. Accesses of functions that
 * do not exist and of registers beyond a function's configuration space leave no line.
 */
export class BusLog {
  readonly entries: readonly BusEntry[];
  readonly #byFunction = new Map<string, BusEntry[]>();
  readonly #claimed = new Set<number>();

  /** @throws {Trouble} CNF-012 configuration lines that cannot be read */
  constructor(text: string, file: string) {
    const entries: BusEntry[] = [];
    const rows = text.split('\n');
    for (const [at, row] of rows.entries()) {
      if (!row.includes('pci_cfg_')) continue;
      const line = at + 1;
      const field = LINE.exec(row.trimEnd())?.groups;
      // The log ends wherever the machine was stopped.
      if (field === undefined && line === rows.length) break;
      if (field === undefined) {
        throw new Trouble('CNF-012', 'not a configuration access', { file, at: { line }, actual: row });
      }
      const entry: BusEntry = {
        index: entries.length,
        line,
        dir: field['dir'] as 'read' | 'write',
        fn: field['fn']!,
        reg: Number(field['reg']),
        value: Number(field['value']),
      };
      entries.push(entry);
      const own = this.#byFunction.get(entry.fn);
      if (own === undefined) this.#byFunction.set(entry.fn, [entry]);
      else own.push(entry);
    }
    this.entries = entries;
  }

  /** Every access of one function, in order. */
  of(fn: string): readonly BusEntry[] {
    return this.#byFunction.get(fn) ?? [];
  }

  claim(entry: BusEntry): void {
    this.#claimed.add(entry.index);
  }

  isClaimed(entry: BusEntry): boolean {
    return this.#claimed.has(entry.index);
  }

  /** The first unclaimed entry of `fn` from `from` up to, not including, `to` that `accepts`. */
  find(fn: string, from: number, to: number, accepts: (entry: BusEntry) => boolean): BusEntry | null {
    const own = this.of(fn);
    for (let i = firstFrom(own, from); i < own.length && own[i]!.index < to; i++) {
      const entry = own[i]!;
      if (!this.#claimed.has(entry.index) && accepts(entry)) return entry;
    }
    return null;
  }
}

/** Position in a function's own list of its first entry at or after `index`. */
function firstFrom(own: readonly BusEntry[], index: number): number {
  let low = 0;
  let high = own.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (own[middle]!.index < index) low = middle + 1;
    else high = middle;
  }
  return low;
}
