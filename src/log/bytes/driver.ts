/**
 * What the log needs of its surroundings to turn bytes into bytes. Node has it built in (`node.ts`), a page brings it
 * along (`web.ts`); both give the same for the same bytes, but for how small packing makes them.
 */
export interface ByteDriver {
  /** CRC-32 as of IEEE 802.3, unsigned. */
  crc32(bytes: Uint8Array): number;
  /** SHA-256 of the parts, one behind the other: 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  readonly deflate: Packing;
  /** Null where it is not known how: pages have none. */
  readonly brotli: Packing | null;
}

/** One way of making bytes fewer. */
export interface Packing {
  pack(raw: Uint8Array): Uint8Array;
  /**
   * @param rawBytes Size to expect; no more than one byte over it is produced.
   * @throws {Error} the bytes are not packed so
   */
  unpack(packed: Uint8Array, rawBytes: number): Uint8Array;
}
