import type { XentraceRecord } from './record.js';

/** Records of one CPU that wait for their turn, as places in the words they came in. */
interface Segment {
  readonly words: Uint32Array;
  readonly places: number[];
  readonly cycles: number[];
}

/** One CPU of a trace buffer. Takes 16 bytes a record beside its words. */
export class CpuQueue {
  readonly number: number;
  /** Time of the last record added; -1 before the first that has one. */
  lastCycles = -1;
  waiting = 0;
  readonly #segments: Segment[] = [];
  #next = 0;

  constructor(number: number) {
    this.number = number;
  }

  /** What is added next lies in `words`, which nobody changes any more. */
  begin(words: Uint32Array): void {
    if (this.#segments.at(-1)?.words !== words) this.#segments.push({ words, places: [], cycles: [] });
  }

  /** @param place Of the record's header word. */
  add(place: number, cycles: number): void {
    const segment = this.#segments.at(-1)!;
    segment.places.push(place);
    segment.cycles.push(cycles);
    this.lastCycles = cycles;
    this.waiting += 1;
  }

  /** Time of the record whose turn is next. */
  get nextCycles(): number {
    return this.#head().cycles[this.#next]!;
  }

  take(): XentraceRecord {
    const { words, places, cycles } = this.#head();
    const place = places[this.#next]!;
    const time = cycles[this.#next]!;
    this.#next += 1;
    this.waiting -= 1;
    const header = words[place]!;
    const isStamped = header >>> 31 === 1;
    const payload = place + (isStamped ? 3 : 1);
    return {
      cpu: this.number,
      event: header & 0x0fff_ffff,
      cycles: time < 0 ? null : time,
      isStamped,
      words: words.subarray(payload, payload + ((header >>> 28) & 7)),
    };
  }

  /** The segment with the next record. */
  #head(): Segment {
    while (this.#next >= this.#segments[0]!.places.length) {
      this.#segments.shift();
      this.#next = 0;
    }
    return this.#segments[0]!;
  }
}
