import { Prng } from '../../src/base/prng.js';

/** Names one try so that it can be made again: the class, the seed of the campaign, its number in the class. */
export interface Token {
  readonly of: string;
  readonly seed: number;
  readonly n: number;
}

/** `flips:7:1203` */
export const tokenText = ({ of, seed, n }: Token): string => `${of}:${seed}:${n}`;

/** Null for what is no token. */
export function parseToken(text: string): Token | null {
  const match = /^([a-z-]+):(\d{1,9}):(\d{1,9})$/.exec(text);
  return match === null ? null : { of: match[1]!, seed: Number(match[2]), n: Number(match[3]) };
}

/** The chance of one try: nothing of it depends on the tries before. */
export function prngOf(token: Token): Prng {
  let hash = 0x811c9dc5;
  for (const char of tokenText(token)) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return new Prng(hash);
}
