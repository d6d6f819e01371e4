import { type Clock, systemClock } from '../base/clock.js';
import { sayTransient, seesTransient } from './io.js';

/** Work is silent at first, then says how far it is a few times a second. */
const SILENT_NS = 1_000_000_000n;
const EVERY_NS = 200_000_000n;
/** Looking at the clock costs more than counting. */
const COUNT = 256;

/**
 * Progress of one command on a terminal: events, events/s, percent and time left. Says nothing elsewhere, nothing
 * under `--quiet`, nothing in the first second.
 */
export class Progress {
  readonly #seen = seesTransient();
  readonly #clock: Clock;
  readonly #start: bigint;
  readonly #done: number[] = [];
  #total: number | null = 0;
  #next: bigint;
  #steps = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.#start = clock.now();
    this.#next = this.#start + SILENT_NS;
  }

  /** A part of the work: how many events, null when nobody knows. @returns Takes how many of them are done. */
  part(total: number | null): (done: number) => void {
    const number = this.#done.push(0) - 1;
    this.#total = this.#total === null || total === null ? null : this.#total + total;
    return (done) => {
      this.#done[number] = done;
      if (this.#seen) this.#show();
    };
  }

  /** A part that comes in small steps. @returns Takes how many more are done. */
  steps(total: number | null): (more: number) => void {
    const report = this.part(total);
    let done = 0;
    return (more) => {
      done += more;
      if (this.#steps++ % COUNT === 0) report(done);
    };
  }

  /** Takes the line away. */
  end(): void {
    if (this.#seen) sayTransient('');
  }

  #show(): void {
    const now = this.#clock.now();
    if (now < this.#next) return;
    this.#next = now + EVERY_NS;
    const done = this.#done.reduce((sum, one) => sum + one, 0);
    sayTransient(progressLine(done, this.#total, Number(now - this.#start) / 1e9));
  }
}

/** `1,234,000 events, 560,000/s, 61 %, 2 s left`. */
export function progressLine(done: number, total: number | null, seconds: number): string {
  const rate = done / Math.max(seconds, 1e-9);
  const counted = `${grouped(done)} events, ${grouped(Math.round(rate))}/s`;
  if (total === null || total === 0 || done === 0) return counted;
  const left = Math.max(0, Math.ceil((total - done) / rate));
  return `${counted}, ${Math.floor((100 * done) / total)} %, ${left} s left`;
}

const grouped = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',');
