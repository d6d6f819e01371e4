import { diff as myers } from 'fast-myers-diff';
import type { Token } from './canonical.js';

/** Tokens both sides have in a row, or what each side has instead. */
export type Stretch =
  | { readonly is: 'equal'; readonly a: readonly Token[]; readonly b: readonly Token[] }
  | { readonly is: 'island'; readonly a: readonly Token[]; readonly b: readonly Token[] };

/** Tokens looked at around a difference; doubled until the sides meet again. */
const WINDOW = 1_024;
const WIDEST = 65_536;
/** Equal tokens in a row that end a difference: fewer may be chance. */
const MEETING = 16;

/**
 * Aligns two token streams: equal runs in lock step, differences by Myers over a window that grows until the sides
 * meet again. Memory is two windows, whatever the length. Differences wider than the widest window are cut there.
 */
export function* align(left: Iterator<Token>, right: Iterator<Token>): Generator<Stretch> {
  const a = new Queue(left);
  const b = new Queue(right);
  for (;;) {
    const run = equalRun(a, b);
    if (run > 0) yield { is: 'equal', a: a.take(run), b: b.take(run) };
    if (a.peek(0) === undefined && b.peek(0) === undefined) return;
    if (run < WINDOW) yield* difference(a, b);
  }
}

/** Length of the equal run at the front, at most one window. */
function equalRun(a: Queue, b: Queue): number {
  let run = 0;
  while (run < WINDOW) {
    const one = a.peek(run);
    const other = b.peek(run);
    if (one === undefined || other === undefined || one.text !== other.text) break;
    run += 1;
  }
  return run;
}

function* difference(a: Queue, b: Queue): Generator<Stretch> {
  for (let size = WINDOW; ; size *= 2) {
    const left = a.ahead(size);
    const right = b.ahead(size);
    const atEnd = left.length < size && right.length < size;
    const stretches = compare(left, right);
    const settled = atEnd || size >= WIDEST ? stretches.length : lastMeeting(stretches);
    if (settled === 0) continue;
    for (const stretch of stretches.slice(0, settled)) {
      a.take(stretch.a.length);
      b.take(stretch.b.length);
      yield stretch;
    }
    return;
  }
}

/** Stretches up to and including the last run long enough to trust; 0 when there is none. */
function lastMeeting(stretches: readonly Stretch[]): number {
  for (let i = stretches.length; i > 0; i--) {
    const stretch = stretches[i - 1]!;
    if (stretch.is === 'equal' && stretch.a.length >= MEETING) return i;
  }
  return 0;
}

function compare(left: readonly Token[], right: readonly Token[]): Stretch[] {
  const numbers = new Map<string, number>();
  const number = ({ text }: Token): number => {
    const known = numbers.get(text);
    if (known !== undefined) return known;
    numbers.set(text, numbers.size);
    return numbers.size - 1;
  };
  const stretches: Stretch[] = [];
  let [atA, atB] = [0, 0];
  const equal = (untilA: number, untilB: number): void => {
    if (untilA > atA)
      stretches.push({ is: 'equal', a: left.slice(atA, untilA), b: right.slice(atB, untilB) });
  };
  for (const [fromA, toA, fromB, toB] of myers(left.map(number), right.map(number))) {
    equal(fromA, fromB);
    stretches.push({ is: 'island', a: left.slice(fromA, toA), b: right.slice(fromB, toB) });
    [atA, atB] = [toA, toB];
  }
  equal(left.length, right.length);
  return stretches;
}

/** A stream that can be looked into ahead. */
class Queue {
  readonly #source: Iterator<Token>;
  #held: Token[] = [];
  #ended = false;

  constructor(source: Iterator<Token>) {
    this.#source = source;
  }

  peek(index: number): Token | undefined {
    this.#fill(index + 1);
    return this.#held[index];
  }

  /** Up to `count` tokens; fewer only at the end. */
  ahead(count: number): readonly Token[] {
    this.#fill(count);
    return this.#held.slice(0, count);
  }

  take(count: number): readonly Token[] {
    this.#fill(count);
    const taken = this.#held.slice(0, count);
    this.#held = this.#held.slice(count);
    return taken;
  }

  #fill(count: number): void {
    while (!this.#ended && this.#held.length < count) {
      const { done, value } = this.#source.next();
      if (done === true) this.#ended = true;
      else this.#held.push(value);
    }
  }
}
