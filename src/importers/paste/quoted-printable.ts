import type { PastedLine } from './line.js';

/** An equals sign as quoted-printable uses it: two hex digits, or the end of a line. */
const ESCAPE = /^=(?:[0-9A-F]{2}|\s*$)/;
/** What no log has by itself: an encoded `=`, a letter or blank of UTF-8, a word broken behind a `=`. */
const SIGN = /=3D|=(?:C[2-9A-F]|D[0-9A-F]|E[0-9A-F])=[89AB][0-9A-F]|[^=\s]=\s*$|=20$/;

/**
 * Whether a run of lines was pasted out of the source of a mail. In quoted-printable a bare `=` cannot stand, so one
 * that is no escape tells that the text is not; `[size=256]` looks like an escape, so that some are is not enough.
 * @source RFC 2045, clause 6.7
 */
export function isQuotedPrintable(lines: readonly string[]): boolean {
  return (
    lines.some((line) => SIGN.test(line)) &&
    lines.every((line) =>
      [...line.matchAll(/=/g)].every(({ index }) => ESCAPE.test(line.slice(index, index + 3))),
    )
  );
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
