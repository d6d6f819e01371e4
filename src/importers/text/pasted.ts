import { Trouble } from '../../base/errors.js';
import { limits } from '../../base/limits.js';
import type { Importer } from '../importer.js';
import { lines } from '../lines.js';
import type { PastedLine } from '../paste/line.js';
import { isMail, mailParts } from '../paste/mail.js';
import { hasPrefix } from '../paste/prefix.js';
import { undressed } from '../paste/read.js';

/** What is called with the lines of a text as its author saw them. */
export interface PastedReader {
  line(line: PastedLine): void;
  /** A text of its own begins: an attachment of a mail. */
  part(): void;
  end(): void;
}

/** So many lines are looked at together. */
const BLOCK_LINES = 256;

/**
 * Reads a text that went through mailers, web pages and terminals: a line of `reader` is what somebody's program
 * printed, however often it was broken and quoted since. A log of any length passes in flat memory; a mail is held
 * whole, as its parts are decoded together.
 * @param known How much of a text, without the prefixes of logs, the words of a known message are; 0 for none.
 * @throws {Trouble} IMP-004 a line is too long; TXT-001 a mail is too long
 */
export function pasted(reader: PastedReader, known: (text: string) => number): Importer {
  let held: PastedLine[] = [];
  let isWhole: boolean | null = null;
  let heldBytes = 0;
  const give = (block: readonly PastedLine[]): void => {
    for (const line of undressed(block, known)) reader.line(line);
  };
  const take = (text: string, number: number): void => {
    held.push({ line: number, lastLine: number, text });
    if (isWhole === true) {
      heldBytes += text.length;
      if (heldBytes <= limits.reportBytes) return;
      throw new Trouble('TXT-001', 'a mail is too long to be read as one', {
        expected: `at most ${limits.reportBytes} bytes`,
        hint: 'save its attachments and give those',
      });
    }
    if (held.length < BLOCK_LINES) return;
    isWhole ??= isMail(held);
    if (isWhole) return;
    const cut = cutOf(held);
    if (cut === 0) return;
    const block = held.slice(0, cut);
    held = held.slice(cut);
    give(block);
  };
  return lines(
    {
      line: take,
      end(rest, number) {
        if (rest !== '') held.push({ line: number, lastLine: number, text: rest });
        const isOneMail = isWhole ?? isMail(held);
        const parts = isOneMail ? mailParts(held) : [{ name: null, lines: held }];
        held = [];
        parts.forEach((part, i) => {
          if (i > 0) reader.part();
          give(part.lines);
        });
        reader.end();
      },
    },
    limits.pastedLineBytes,
  );
}

/** Where a block may end so that nothing that belongs together is parted; 0 when it has to grow. */
function cutOf(block: readonly PastedLine[]): number {
  for (let at = block.length - 1; at > 0; at--) {
    const { text } = block[at]!;
    if (text.trim() === '') return at + 1;
    // A line with a prefix of its own does not go on with the one before.
    if (hasPrefix(text.trimStart()) && block.length - at < BLOCK_LINES / 2) return at;
  }
  return block.length >= limits.pastedLinesAhead ? block.length : 0;
}
