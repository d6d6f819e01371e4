/** `0x…` in lower case without padding: how addresses and register values are printed. */
export function hex(value: number | bigint): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** Hex digits padded on the left, without prefix. */
export function hexPad(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** Parses `0x…` or decimal digits; null when the text is neither or exceeds 2^53 - 1. */
export function parseInteger(text: string): number | null {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}
