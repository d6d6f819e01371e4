import type { PastedLine } from './line.js';

/** An equals sign as quoted-printable uses it: two hex digits, or the end of a line. */
const ESCAPE = /=(?:[0-9A-F]{2}|\s*$)/;

/**
 * Whether a run of lines was pasted out of the source of a mail. In quoted-printable a bare `=` cannot stand, so one
 * that is no escape tells that the text is not.
 * @source RFC 2045, clause 6.7
 */
export function isQuotedPrintable(lines: readonly string[]): boolean {
  let escapes = 0;
  for (const line of lines) {
    for (const match of line.matchAll(/=[^=]{0,2}/g)) {
      if (ESCAPE.test(match[0]) && (match[0].length === 3 || match.index + match[0].length === line.length))
        escapes += 1;
      else return false;
    }
  }
  return escapes > 0;
}

/**
 * Undoes quoted-printable: soft line breaks join, escapes become bytes, the bytes are read as UTF-8. A line that a
 * mailer quoted after it was encoded goes on behind the quoting of the next.
 */
export function decodeQuotedPrintable(lines: readonly PastedLine[]): PastedLine[] {
  const out: PastedLine[] = [];
  let open: PastedLine | null = null;
  for (const line of lines) {
    const text: string = open === null ? line.text : open.text + line.text.replace(/^(?:[>|] ?)+/, '');
    const soft = /=\s*$/.exec(text);
    const joined: PastedLine = {
      line: open?.line ?? line.line,
      lastLine: line.lastLine,
      text: soft === null ? text : text.slice(0, soft.index),
    };
    if (soft === null) out.push({ ...joined, text: unescaped(joined.text) });
    open = soft === null ? null : joined;
  }
  if (open !== null) out.push({ ...open, text: unescaped(open.text) });
  return out;
}

function unescaped(text: string): string {
  return text.replace(/(?:=[0-9A-F]{2})+/g, (run) => {
    const bytes = Uint8Array.from(run.slice(1).split('='), (pair) => Number.parseInt(pair, 16));
    return new TextDecoder().decode(bytes);
  });
}
