import type { BusEntry, BusLog } from './bus.js';
import type { TapCall } from './tap.js';

/** How far Xen's own accesses can push the next one of the domain's: MSI-X set-up of a big table. */
const REACH = 3000;
/** The same for a function that was not on the bus a moment ago. */
const REACH_WHEN_ABSENT = 16;
/** Two vCPUs may enter in one order and reach the bus in the other. */
const SWAPPED = 16;
/** A tap that paused is found again so often. */
const JUMPS = 64;
/** Calls that are asked. */
const NEXT = 13;
/** Beyond this many skipped entries the log is asked whether the domain went on without an access. */
const SUSPICIOUS = 40;

const allOnes = (sizeBytes: number): number => (sizeBytes === 4 ? 0xffff_ffff : (1 << (8 * sizeBytes)) - 1);

/** A write of the model that hardware did not see, or saw with another value. */
export interface LostWrite {
  readonly reg: number;
  readonly value: number;
  readonly seen: number | null;
}

/**
 * The hardware of a recorded run. It answers what the bus log says it answered, in the log's order; an access that the
 * log does not have did not reach any device: reads give all ones. What the domain was told is not known here.
 */
export class RecordedHardware {
  readonly #bus: BusLog;
  readonly #present = new Set<string>();
  readonly #lost: LostWrite[] = [];
  #front: number;
  #upcoming: readonly TapCall[] = [];
  #jumpsLeft = JUMPS;

  /** @param start The first entry that belongs to the time of the tap. */
  constructor(bus: BusLog, start: number) {
    this.#bus = bus;
    this.#front = start - 1;
    for (let i = 0; i < start; i++) this.#present.add(bus.entries[i]!.fn);
  }

  /** Index of the last entry the domain's accesses have reached. */
  get front(): number {
    return this.#front;
  }

  /** How far the next access of the domain's is looked for. */
  static readonly reach = REACH;

  /** Whether the function has been seen on the bus. */
  isPresent(fn: string): boolean {
    return this.#present.has(fn);
  }

  /** Xen itself has worked on a function up to that entry. */
  moveTo(fn: string, index: number): void {
    this.#present.add(fn);
    this.#front = Math.max(this.#front, index);
  }

  /** Moves on to a call; `upcoming` are it and the calls after it. */
  enter(upcoming: readonly TapCall[]): void {
    this.#upcoming = upcoming;
    this.#lost.length = 0;
  }

  /** Writes of the present call that the bus does not confirm. */
  get lost(): readonly LostWrite[] {
    return this.#lost;
  }

  read(fn: string, reg: number, sizeBytes: number): number {
    const entry = this.#take(
      fn,
      (seen) => seen.dir === 'read' && seen.reg === reg && seen.value <= allOnes(sizeBytes),
    );
    return entry?.value ?? allOnes(sizeBytes);
  }

  /** @param isSharedWithXen Whether Xen's interrupt layer writes this register too. */
  write(fn: string, reg: number, value: number, isSharedWithXen: boolean): void {
    const entry = this.#take(
      fn,
      (seen) => seen.dir === 'write' && seen.reg === reg && (!isSharedWithXen || seen.value === value),
    );
    if (entry === null && !this.#present.has(fn)) return;
    if (entry === null || entry.value !== value) this.#lost.push({ reg, value, seen: entry?.value ?? null });
  }

  #take(fn: string, accepts: (entry: BusEntry) => boolean): BusEntry | null {
    const entry = this.#find(fn, accepts) ?? (this.#jump(fn, accepts) ? this.#find(fn, accepts) : null);
    if (entry === null) return null;
    this.#present.add(fn);
    this.#bus.claim(entry);
    this.#front = Math.max(this.#front, entry.index);
    return entry;
  }

  #find(fn: string, accepts: (entry: BusEntry) => boolean): BusEntry | null {
    const reach = this.#present.has(fn) ? REACH : REACH_WHEN_ABSENT;
    const ahead = this.#bus.find(fn, this.#front + 1, this.#front + 1 + reach, accepts);
    return ahead !== null && !this.#wentOnWithout(ahead)
      ? ahead
      : this.#bus.find(fn, this.#front + 1 - SWAPPED, this.#front + 1, accepts);
  }

  /** Looks for the place where a tap that paused goes on, by which registers the next calls are about. */
  #jump(fn: string, accepts: (entry: BusEntry) => boolean): boolean {
    const from = this.#front + 1 + REACH;
    if (this.#jumpsLeft === 0 || this.#bus.find(fn, from, this.#bus.entries.length, accepts) === null)
      return false;
    this.#jumpsLeft -= 1;
    const { start, share } = densestStart(this.#bus, this.#upcoming, this.#front + 1);
    // Unless the domain just went on here and this one call left no entry.
    const here = densestStart(this.#bus, this.#upcoming.slice(1), this.#front + 1, from);
    if (share < 0.5 || start < from || here.share >= share) return false;
    this.#front = start - 1;
    return true;
  }

  /** Whether what lies right ahead on the bus belongs to one of the next calls, so that this one left no trace. */
  #wentOnWithout(candidate: BusEntry): boolean {
    if (candidate.index - this.#front <= SUSPICIOUS) return false;
    for (let i = this.#front + 1; i < this.#front + 6; i++) {
      const next = this.#bus.entries[i];
      if (next === undefined) return false;
      // Xen's own bursts stay with the function it works on.
      if (next.fn === candidate.fn) continue;
      if (
        this.#upcoming
          .slice(1, NEXT)
          .some((c) => c.fn === next.fn && c.reg === next.reg && c.dir === next.dir)
      )
        return true;
    }
    return false;
  }
}

/** Thrown inside an attempt to build a device when the bus log goes another way. */
class WrongPlace extends Error {}

/** COMMAND is written last when mappings waited, after whatever else Xen reads of the function meanwhile. */
const COMMAND = 4;
const READS_BEFORE_COMMAND = 64;

/** Hands a function's bus entries out one by one, without gaps but the one above, and refuses anything else. */
export class ExactReplay {
  readonly #own: readonly BusEntry[];
  #next: number;
  readonly taken: BusEntry[] = [];

  constructor(own: readonly BusEntry[], next: number) {
    this.#own = own;
    this.#next = next;
  }

  read(reg: number, sizeBytes: number): number {
    return this.#take('read', reg, (value) => value <= allOnes(sizeBytes)).value;
  }

  write(reg: number, value: number): void {
    if (reg === COMMAND && this.taken.length > 0) this.#skipReads();
    this.#take('write', reg, (seen) => seen === value);
  }

  #skipReads(): void {
    for (let i = 0; i < READS_BEFORE_COMMAND && this.#own[this.#next]?.dir === 'read'; i++) this.#next += 1;
  }

  #take(dir: 'read' | 'write', reg: number, fits: (value: number) => boolean): BusEntry {
    const entry = this.#own[this.#next];
    if (entry === undefined || entry.dir !== dir || entry.reg !== reg || !fits(entry.value))
      throw new WrongPlace();
    this.#next += 1;
    this.taken.push(entry);
    return entry;
  }
}

/** One place where a device was set up. */
export interface FoundBuild<T> {
  readonly built: T;
  readonly entries: readonly BusEntry[];
  /** Indexes of its first and last entry. */
  readonly first: number;
  readonly last: number;
}

/**
 * Every place in a function's bus entries where `build` finds, access by access, exactly what it does, in order.
 * `build` gives null where it gave the device up.
 */
export function findBuilds<T>(
  bus: BusLog,
  fn: string,
  build: (hardware: ExactReplay) => T | null,
): FoundBuild<T>[] {
  const own = bus.of(fn);
  const found: FoundBuild<T>[] = [];
  for (let at = 0; at < own.length; at++) {
    const hardware = new ExactReplay(own, at);
    try {
      const built = build(hardware);
      const entries = hardware.taken;
      if (built === null || entries.length === 0) continue;
      found.push({ built, entries, first: entries[0]!.index, last: entries.at(-1)!.index });
      at += entries.length - 1;
    } catch (error) {
      if (!(error instanceof WrongPlace)) throw error;
    }
  }
  return found;
}

/** Calls looked at to find where a tap begins in the bus log. */
const SAMPLE = 80;
const STEP = 32;
/** Calls that may be the first to be found. */
const ANCHORS = 8;

/** Where the tap begins in the bus log. */
export const findStart = (bus: BusLog, calls: readonly TapCall[]): number =>
  densestStart(bus, calls, 0).start;

/**
 * The place from `from` up to `to` where calls are found most densely, in order, and the share of them that is. Absent
 * functions leave no entry, emulated registers neither, so some calls may find nothing. Values are not looked at.
 */
function densestStart(
  bus: BusLog,
  calls: readonly TapCall[],
  from: number,
  to = bus.entries.length,
): { readonly start: number; readonly share: number } {
  const sample = calls.filter((call) => call.fn !== null && bus.of(call.fn).length > 0).slice(0, SAMPLE);
  const isSame = (call: TapCall, index: number): boolean => {
    const entry = bus.entries[index];
    return entry?.fn === call.fn && entry.reg === call.reg && entry.dir === call.dir;
  };
  let best = { found: 0, start: bus.entries.length };
  for (let start = from; start < Math.min(to, bus.entries.length); start++) {
    // The first call may be one that leaves no entry.
    const anchor = sample.findIndex((call, i) => i < ANCHORS && isSame(call, start));
    if (anchor < 0) continue;
    let at = start;
    let found = 0;
    for (const call of sample.slice(anchor)) {
      let next = at;
      while (next < at + STEP && !isSame(call, next)) next += 1;
      if (next === at + STEP) continue;
      found += 1;
      at = next + 1;
    }
    if (found > best.found || (from === 0 && found === best.found)) best = { found, start };
  }
  return { start: best.start, share: sample.length === 0 ? 0 : best.found / sample.length };
}
