import { readSync, writeSync } from 'node:fs';
import { Trouble } from '../base/errors.js';
import { limits } from '../base/limits.js';

/** Writes all of it. The pipe of another program may be non-blocking: a full one is tried again a little later. */
export function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      if (!isBusy(error)) throw error;
      pause(2);
    }
  }
}

/** Bytes asked for at once. */
const PIECE = 1 << 20;
const PIPE_PIECE = 64 << 10;

/**
 * Everything a pipe or file gives, into memory.
 * @throws {Trouble} IO-002 more than fits, as from a device without an end
 */
export function readAll(descriptor: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const piece = new Uint8Array(PIECE);
    const got = readWhenThere(descriptor, piece);
    if (got === 0) return Buffer.concat(pieces, size);
    size += got;
    if (size > limits.pipedBytes) {
      throw new Trouble('IO-002', 'standard input is too long to be held in memory', {
        expected: `at most ${limits.pipedBytes} bytes`,
        hint: 'put it into a file',
      });
    }
    // Short pieces would hold their whole buffers.
    pieces.push(got < PIECE / 2 ? piece.slice(0, got) : piece.subarray(0, got));
  }
}

/** What a pipe gives, piece by piece as it comes. Other work has its turn in between. */
export async function* piecesOf(descriptor: number): AsyncGenerator<Uint8Array> {
  for (;;) {
    const piece = new Uint8Array(PIPE_PIECE);
    const got = readWhenThere(descriptor, piece);
    if (got === 0) return;
    yield piece.subarray(0, got);
    await new Promise((turn) => setImmediate(turn));
  }
}

/** Bytes read, 0 at the end. @throws the busy error of a pipe that has nothing yet */
export function readSome(descriptor: number, into: Uint8Array): number {
  try {
    return readSync(descriptor, into);
  } catch (error) {
    // A pipe whose other end is gone ends so on some systems.
    if ((error as NodeJS.ErrnoException).code === 'EOF') return 0;
    throw error;
  }
}

function readWhenThere(descriptor: number, into: Uint8Array): number {
  for (;;) {
    try {
      return readSome(descriptor, into);
    } catch (error) {
      if (!isBusy(error)) throw error;
      pause(2);
    }
  }
}

/** Whether an error of the operating system says that another try may go better. */
export const isBusy = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EAGAIN' || code === 'EINTR';
};

/** Waits without giving the thread away. */
export function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
