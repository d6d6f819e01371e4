import { closeSync, constants, openSync } from 'node:fs';
import { Trouble } from '../base/errors.js';
import { isBusy, pause, piecesOf, readAll, readSome } from '../log/descriptor.js';
import { placeOf } from '../log/place.js';
import { inputPieces, readInput } from './io.js';

/** How long somebody may take to write into a named pipe. */
const PATIENCE_MS = 2_000;
const LOOK_MS = 10;

/**
 * The bytes of an input that can be read once only: standard input by any name, a pipe, process substitution. Null
 * for everything else, which opening it tells more about.
 * @throws {Trouble} IO-002 too long, IO-003 a device, which may have no end
 */
export function pipedInput(name: string): Uint8Array | null {
  if (name === '-') return readInput();
  const place = look(name);
  if (place === null || place.stat === null || place.stat.isFile()) return null;
  if (place.descriptor === 0) return readInput();
  if (place.stat.isCharacterDevice() || place.stat.isBlockDevice()) {
    throw new Trouble('IO-003', 'a device is no input', {
      file: name,
      hint: 'name a file, or - for standard input',
    });
  }
  if (!place.stat.isFIFO() && !place.stat.isSocket()) return null;
  if (place.descriptor !== null) return readAll(place.descriptor);
  return place.stat.isFIFO() ? readPipe(place.path) : null;
}

/**
 * The same in pieces, as they come: what nobody has written yet is not waited for before the rest is used. Null for
 * what is no pipe.
 */
export function pipedPieces(name: string): AsyncIterable<Uint8Array> | null {
  if (name === '-') return inputPieces();
  const place = look(name);
  if (place === null || place.stat === null || place.stat.isFile()) return null;
  if (place.descriptor === 0) return inputPieces();
  if (place.stat.isCharacterDevice() || place.stat.isBlockDevice()) {
    throw new Trouble('IO-003', 'a device is no input', {
      file: name,
      hint: 'name a file, or - for standard input',
    });
  }
  if (!place.stat.isFIFO() && !place.stat.isSocket()) return null;
  if (place.descriptor !== null) return piecesOf(place.descriptor);
  return place.stat.isFIFO() ? one(readPipe(place.path)) : null;
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function look(name: string) {
  try {
    return placeOf(name);
  } catch {
    return null;
  }
}

/** A named pipe; opened so that a missing writer is waited for a little, not for ever. */
function readPipe(path: string): Uint8Array {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const first = new Uint8Array(1);
    for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
      try {
        // Nothing read and nobody waiting: no writer has come yet.
        if (readSome(descriptor, first) > 0) return Buffer.concat([first, readAll(descriptor)]);
      } catch (error) {
        if (!isBusy(error)) throw error;
        waited = 0;
      }
      pause(LOOK_MS);
    }
    return new Uint8Array();
  } finally {
    closeSync(descriptor);
  }
}
