/** One try: its class, the campaign's seed and its number in it. Printed with every failure, and replays it. */
export interface Token {
  readonly name: string;
  readonly seed: number;
  readonly n: number;
}

export const tokenText = ({ name, seed, n }: Token): string => `${name}:${seed}:${n}`;

/** @returns null when the text is no token */
export function readToken(text: string): Token | null {
  const match = /^([a-z]+):(\d+):(\d+)$/.exec(text);
  return match === null ? null : { name: match[1]!, seed: Number(match[2]), n: Number(match[3]) };
}

/** The seed of one try: classes, seeds and numbers that differ anywhere draw other numbers. */
export function seedOf({ name, seed, n }: Token): number {
  let hash = 0x811c_9dc5;
  for (const character of `${name}:${seed}:${n}`) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x0100_0193) >>> 0;
  }
  return hash;
}
