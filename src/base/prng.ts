/**
 * Small deterministic generator (xorshift128 seeded through splitmix32): integer arithmetic only, so every
 * engine and version draws the same numbers. Not for cryptography.
 */
export class Prng {
  readonly #s = new Uint32Array(4);

  /** @param seed Any integer; its low 32 bits are used. */
  constructor(seed: number) {
    let x = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) >>> 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      this.#s[i] = (z ^ (z >>> 15)) >>> 0;
    }
  }

  /** Next 32 random bits as an unsigned integer. */
  u32(): number {
    const s = this.#s;
    let t = s[3]!;
    t ^= t << 11;
    t ^= t >>> 8;
    s[3] = s[2]!;
    s[2] = s[1]!;
    s[1] = s[0]!;
    s[0] = (t ^ s[0]! ^ (s[0]! >>> 19)) >>> 0;
    return s[0]!;
  }

  /** Uniform integer in 0..bound-1 (bound 1..2^32); rejection sampling, so unbiased. */
  below(bound: number): number {
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    let draw = this.u32();
    while (draw >= limit) draw = this.u32();
    return draw % bound;
  }

  /** One element of a non-empty list. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}
