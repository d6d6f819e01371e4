import { Trouble } from '../../../base/errors.js';

/**
 * A 64-bit value of the tree as a plain number.
 * @throws {Trouble} FDT-023 beyond 2^53 - 1: no host has physical addresses that wide (52 bits).
 */
export function exactNumber(value: bigint, offsetBytes: number, property: string): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw new Trouble('FDT-023', `an address or size in ${property} is beyond what a host can have`, {
    at: { offsetBytes },
    expected: 'below 2^53',
    actual: `0x${value.toString(16)}`,
  });
}
