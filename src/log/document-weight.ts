import { limits } from '../base/limits.js';
import { logTrouble } from './trouble.js';

/** Bytes that values take in memory on a 64-bit JavaScript engine, measured on V8 and rounded up. */
const cost = {
  slot: 8,
  wideNumber: 16,
  text: 24,
  view: 128,
  array: 32,
  map: 64,
  entry: 48,
  gapSlot: 12,
} as const;
/** An object whose only key is a number n gets room for all keys below it, up to some 500; then it is a hash table. */
const gapLimit = 512;

/**
 * What a document will take in memory once it is decoded, added up while it is walked: bytes in the file say little,
 * an empty map is one byte there and 64 here.
 * @throws {Trouble} LOG-011 as soon as it is more than `limits.documentHeapBytes`.
 */
export class DocumentWeight {
  #heapBytes = 0;

  /** Any value: its place in what holds it. */
  value(): void {
    this.#add(cost.slot);
  }

  /** A number that does not fit in the place itself. */
  wideNumber(): void {
    this.#add(cost.wideNumber);
  }

  /** UTF-8 of one character beyond Latin-1 makes the whole text two bytes a character. */
  text(sizeBytes: number): void {
    this.#add(cost.text + 2 * sizeBytes);
  }

  view(): void {
    this.#add(cost.view);
  }

  array(): void {
    this.#add(cost.array);
  }

  /** @param highestIndex The highest of its keys that are array indices; -1 without such. */
  map(entries: number, highestIndex: number): void {
    this.#add(cost.map + entries * cost.entry + gapSlots(highestIndex) * cost.gapSlot);
  }

  #add(sizeBytes: number): void {
    this.#heapBytes += sizeBytes;
    if (this.#heapBytes > limits.documentHeapBytes) {
      throw logTrouble('LOG-011', 'a document of too many values', {
        expected: `values that take at most ${limits.documentHeapBytes} bytes of memory`,
      });
    }
  }
}

/** Places that an object with this highest numeric key may get although nothing stands in them. */
export function gapSlots(highestIndex: number): number {
  return Math.min(highestIndex + 1, gapLimit);
}

/** The number of a key that is an array index as it is written, so that the engine keeps it as one; otherwise -1. */
export function arrayIndex(key: string): number {
  return /^(0|[1-9]\d{0,9})$/.test(key) ? Number(key) : -1;
}
