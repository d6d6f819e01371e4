import { Trouble } from '../base/errors.js';
import type { Importer } from './importer.js';

/** What a text format does with its lines. */
export interface LineReader {
  /** One line without its end, and its number from 1 on. */
  line(text: string, number: number): void;
  /**
   * The file ended. `rest` is the text behind the last line feed: a line like any other that was not finished, perhaps
   * cut; empty when there is none.
   */
  end(rest: string, number: number): void;
}

const NEWLINE = 10;
const RETURN = 13;

/**
 * An importer that is called once a line. Memory is one line; a line of more than `mostBytes` is refused, so that a
 * file without line feeds is neither kept nor searched again and again. Bytes that are no UTF-8 become U+FFFD.
 * @throws {Trouble} IMP-004 a line is too long
 * @cost O(bytes), however they are cut
 */
export function lines(reader: LineReader, mostBytes: number): Importer {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let number = 0;
  const tooLong = (): never => {
    throw new Trouble('IMP-004', 'a line is too long', {
      at: { line: number + 1 },
      expected: `at most ${mostBytes} bytes`,
      hint: 'the file is of another format, or is damaged',
    });
  };
  const hold = (piece: Uint8Array): void => {
    heldBytes += piece.length;
    if (heldBytes > mostBytes) tooLong();
    held.push(piece);
  };
  const taken = (): Uint8Array => {
    const whole = held.length === 1 ? held[0]! : Buffer.concat(held);
    held = [];
    heldBytes = 0;
    return whole;
  };
  const told = (say: (text: string, number: number) => void, text: string, at: number): void => {
    try {
      say(text, at);
    } catch (error) {
      if (!(error instanceof Trouble) || error.detail.at !== undefined) throw error;
      throw new Trouble(error.code, error.message, { ...error.detail, at: { line: at } });
    }
  };
  return {
    push(bytes) {
      let from = 0;
      for (;;) {
        const end = bytes.indexOf(NEWLINE, from);
        if (end < 0) break;
        let line = bytes.subarray(from, end);
        if (heldBytes > 0) {
          hold(line);
          line = taken();
        }
        if (line.length > mostBytes) tooLong();
        number += 1;
        const size = line.length > 0 && line[line.length - 1] === RETURN ? line.length - 1 : line.length;
        told((text, at) => reader.line(text, at), decoder.decode(line.subarray(0, size)), number);
        from = end + 1;
      }
      // A copy: the piece may be a view of a buffer that is filled again.
      if (from < bytes.length) hold(bytes.slice(from));
    },
    end() {
      const rest = heldBytes === 0 ? '' : decoder.decode(taken());
      told((text, at) => reader.end(text, at), rest, number + 1);
    },
  };
}
