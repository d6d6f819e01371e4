import type { PastedLine } from './line.js';

const MARKS = /^(?:[>|] ?)+/;

/** How deep a mailer quoted a line, and the line without the marks. */
function unquoted(text: string): { readonly depth: number; readonly text: string } {
  const marks = MARKS.exec(text)?.[0] ?? '';
  return { depth: marks.replaceAll(' ', '').length, text: text.slice(marks.length) };
}

/** Flags that lspci itself begins with a `>`: a wrapped Status line goes on with one. */
const OWN_MARK = /^(?:TAbort|SERR)[+-]/;

/**
 * Takes a mail's quoting off. Where a wrapped line of lspci begins with `>TAbort-`, the last mark is the program's: the
 * line before it tells, being quoted one level less.
 */
export function withoutQuoting(lines: readonly PastedLine[]): PastedLine[] {
  let before = 0;
  return lines.map((line) => {
    const { depth, text } = unquoted(line.text);
    const keeps = depth > before && OWN_MARK.test(text);
    if (!keeps) before = depth;
    return { ...line, text: keeps ? `>${text}` : text };
  });
}
