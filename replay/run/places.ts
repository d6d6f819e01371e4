/** Stretches kept: far more than are open at once in any run; what lies further back has no place any more. */
const MOST = 1 << 16;

/**
 * Where events of one run stand in another. Stretches in which both go side by side cost one entry whatever their
 * length, and the oldest are dropped beyond a bound, so that memory does not grow with the run.
 */
export class Places {
  /** First place of each stretch in the one run, ascending; how far off the other run is there, null: not in it. */
  readonly #starts: number[] = [];
  readonly #offsets: (number | null)[] = [];

  /** Notes an event; places in the one run come in ascending order. @param to null: the other run has none like it */
  note(from: number, to: number | null): void {
    const offset = to === null ? null : to - from;
    if (this.#starts.length > 0 && this.#offsets.at(-1) === offset) return;
    this.#starts.push(from);
    this.#offsets.push(offset);
    if (this.#starts.length <= MOST) return;
    this.#starts.splice(0, MOST / 2);
    this.#offsets.splice(0, MOST / 2);
  }

  /** The place in the other run; null where it has none, or where that is forgotten. @cost O(log stretches) */
  of(from: number): number | null {
    let [low, high] = [0, this.#starts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= from) low = middle + 1;
      else high = middle;
    }
    const offset = low === 0 ? null : this.#offsets[low - 1]!;
    return offset === null ? null : from + offset;
  }
}
