import type { Out } from '../importer.js';
import type { Spoken } from '../paste/prefix.js';

type Kind = 'xen' | 'linux' | 'guest' | 'tsc' | 'wall' | 'log';

interface Stamp {
  readonly kind: Kind;
  readonly ns: number;
}

/** A boot of a machine takes less than this before its clock may be one that began anew. */
const ANEW_NS = 60e9;

/**
 * The clock of a text: that of its first line with a stamp. Stamps of other clocks on later lines say nothing about it,
 * and those lines stand where they are.
 */
export class TextClock {
  readonly #out: Out;
  #first: Stamp | null = null;
  readonly #last = new Map<Kind, number>();

  constructor(out: Out) {
    this.#out = out;
  }

  /** Nanoseconds of the file's clock; undefined where the line has none. */
  atNs(said: Spoken): number | undefined {
    const stamp = stampOf(said);
    if (stamp === null) return undefined;
    if (this.#first === null) {
      this.#first = stamp;
      const zeroUs = Math.floor(stamp.ns / 1_000);
      if (stamp.kind === 'wall') this.#out.clock({ is: 'wall', zeroUs });
      else if (stamp.kind === 'xen') this.#out.clock({ is: 'boot', zeroUs });
      else if (stamp.kind === 'linux') this.#out.clock({ is: 'linux', zeroUs });
      else if (stamp.kind === 'tsc') this.#out.clock({ is: 'tsc', zeroUs });
      else this.#out.clock({ is: 'own' });
    }
    if (this.#first.kind !== stamp.kind) return undefined;
    const ns = Math.round(stamp.ns - this.#first.ns);
    // A stamp months away is a wrong one.
    return ns >= 0 && ns < 2 ** 52 ? ns : undefined;
  }

  /** Whether a clock since boot began anew: another boot. */
  began(said: Spoken): boolean {
    const stamp = stampOf(said);
    if (stamp === null || (stamp.kind !== 'xen' && stamp.kind !== 'linux')) return false;
    const before = this.#last.get(stamp.kind);
    this.#last.set(stamp.kind, stamp.ns);
    return before !== undefined && stamp.ns < before - ANEW_NS;
  }
}

/** Cycles in a microsecond of a machine of 2.4 GHz, as every clock of cycles is counted here. */
const CYCLES_PER_NS = 2.4;

function stampOf({ voice, sinceBootNs, cycles, wallClock }: Spoken): Stamp | null {
  if (sinceBootNs !== null) {
    const kind = voice === 'kernel' ? 'linux' : voice === 'guest' ? 'guest' : 'xen';
    return { kind, ns: sinceBootNs };
  }
  if (cycles !== null) return { kind: 'tsc', ns: Math.floor(cycles / CYCLES_PER_NS) };
  return wallClock === null ? null : wallStamp(wallClock);
}

const ISO = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?/;
const SYSLOG = /^(\p{L}{3})\p{L}*\.?\s+(\d{1,2})\s+(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?/u;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

function wallStamp(text: string): Stamp | null {
  const iso = ISO.exec(text);
  if (iso !== null) {
    const [year, month, day, hour, minute, second] = iso.slice(1, 7).map(Number);
    return { kind: 'wall', ns: nsOf(Date.UTC(year!, month! - 1, day, hour, minute, second), iso[7]) };
  }
  const syslog = SYSLOG.exec(text);
  if (syslog === null) return null;
  // No year: the stamps of one log compare, with nothing else. Months of other languages all count as the first.
  const month = Math.max(0, MONTHS.indexOf(syslog[1]!.toLowerCase()));
  const [day, hour, minute, second] = syslog.slice(2, 6).map(Number);
  return { kind: 'log', ns: nsOf(Date.UTC(1972, month, day, hour, minute, second), syslog[6]) };
}

const nsOf = (ms: number, fraction: string | undefined): number =>
  ms * 1e6 + Number((fraction ?? '0').slice(0, 9).padEnd(9, '0'));
