const chunkLength = 1 << 15;
let chunk = new Float64Array(chunkLength);
let used = 0;

/**
 * A zeroed array of `n` doubles, cut from a larger one: a block has a hundred columns, and a hundred allocations
 * outside the heap cost more than decoding them. Never handed out twice; a chunk lives as long as one of its parts.
 */
export function takeNumbers(n: number): Float64Array {
  if (n > chunkLength >> 2) return new Float64Array(n);
  if (used + n > chunkLength) {
    chunk = new Float64Array(chunkLength);
    used = 0;
  }
  used += n;
  return chunk.subarray(used - n, used);
}
