/** Things due at trace times, earliest first, equal times in the order they came. A binary heap: O(log n) each way. */
export class DueQueue<T> {
  readonly #heap: { readonly dueNs: number; readonly order: number; readonly item: T }[] = [];
  #order = 0;

  /** When the next thing is due; infinity when nothing is. */
  get nextNs(): number {
    return this.#heap[0]?.dueNs ?? Number.POSITIVE_INFINITY;
  }

  push(dueNs: number, item: T): void {
    const heap = this.#heap;
    heap.push({ dueNs, order: this.#order++, item });
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#before(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Takes the next thing out; undefined when there is none. */
  pop(): T | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined) return undefined;
    if (heap.length === 0) return top.item;
    heap[0] = last;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) break;
      const smaller = left + 1 < heap.length && this.#before(left + 1, left) ? left + 1 : left;
      if (!this.#before(smaller, at)) break;
      this.#swap(smaller, at);
      at = smaller;
    }
    return top.item;
  }

  #before(a: number, b: number): boolean {
    const left = this.#heap[a]!;
    const right = this.#heap[b]!;
    return left.dueNs === right.dueNs ? left.order < right.order : left.dueNs < right.dueNs;
  }

  #swap(a: number, b: number): void {
    const held = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = held;
  }
}
