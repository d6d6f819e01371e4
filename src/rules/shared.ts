/** What the rules of one judge keep together instead of each for itself: one instance per maker. */
export class Shared {
  readonly #made = new Map<() => unknown, unknown>();

  of<T>(make: () => T): T {
    if (!this.#made.has(make)) this.#made.set(make, make());
    return this.#made.get(make) as T;
  }
}
