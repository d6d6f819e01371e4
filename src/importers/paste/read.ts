import { cleanLine, withoutMarkup, withoutPointer } from './clean.js';
import type { PastedLine, PastedText } from './line.js';
import { isMail, mailParts } from './mail.js';
import { decodeQuotedPrintable, isQuotedPrintable } from './quoted-printable.js';
import { withoutQuoting } from './quoting.js';
import { unwrapped } from './unwrap.js';

/**
 * Undoes what mailers, web pages, terminals and people do to a log before it reaches a reader: parts and encodings of
 * mails, quoting, markup, colour, pointers behind lines, broken lines. Each line keeps its place in the file.
 * @param known How much of a text, without the prefixes of logs, the words of a known message are; 0 for none.
 */
export function readPaste(text: string, known: (text: string) => number): PastedText[] {
  const lines = physicalLines(text);
  const parts = isMail(lines) ? mailParts(lines) : [{ name: null, lines }];
  return parts.map((part) => ({ name: part.name, lines: undressed(part.lines, known) }));
}

function physicalLines(text: string): PastedLine[] {
  return text
    .split('\n')
    .map((line, i) => ({ line: i + 1, lastLine: i + 1, text: line.replace(/\r+$/, '') }));
}

/** The lines of one text without what was put around and between them; whole paragraphs at a time. */
export function undressed(lines: readonly PastedLine[], known: (text: string) => number): PastedLine[] {
  const plain = paragraphs(lines).flatMap((paragraph) =>
    isQuotedPrintable(paragraph.map(({ text }) => text)) ? decodeQuotedPrintable(paragraph) : paragraph,
  );
  const clean = withoutQuoting(plain.map((line) => ({ ...line, text: cleanLine(line.text) }))).map(
    (line) => ({
      ...line,
      text: withoutPointer(withoutMarkup(line.text)),
    }),
  );
  return unwrapped(clean, known).map((line) => ({ ...line, text: line.text.trimEnd() }));
}

/** Runs of lines between empty ones: a mail's source is often pasted beside other texts. */
function paragraphs(lines: readonly PastedLine[]): PastedLine[][] {
  const out: PastedLine[][] = [[]];
  for (const line of lines) {
    out.at(-1)!.push(line);
    if (line.text.trim() === '') out.push([]);
  }
  return out;
}
