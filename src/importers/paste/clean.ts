/** Escape sequences of terminals: colour, cursor, window titles. @source ECMA-48, clauses 5.4 and 5.6 */
const ESC = '\u001b';
const BELL = '\u0007';
const SEQUENCE = new RegExp(
  `${ESC}(?:\\[[0-?]*[ -/]*[@-~]|\\][^${BELL}${ESC}]*(?:${BELL}|${ESC}\\\\)?|[@-Z\\\\-_])`,
  'g',
);
/** Characters that no log means: NUL runs of a torn file, bells, carriage returns, bidi marks; not the tab. */
const CONTROL = /(?!\t)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const BLANK = /\p{Zs}/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&quot;': '"',
  '&#39;': "'",
  '&nbsp;': ' ',
};

/** A line without what terminals and editors add to it; every blank that is not a tab becomes a plain one. */
export function cleanLine(text: string): string {
  return text.replace(SEQUENCE, '').replace(BLANK, ' ').replace(CONTROL, '');
}

/**
 * A line without the marks of a web page or of markdown. Only tags that pages put around logs go: `<access denied>`
 * and `<MAbort-` are lspci's own.
 */
export function withoutMarkup(text: string): string {
  return text
    .replace(/<\/?(?:details|summary|pre|code|p|br|div|span|blockquote|html|body)(?:\s[^<>]*)?\/?>/gi, '')
    .replace(/^\s*(?:```|~~~)\w*\s*$/, '')
    .replace(/&(?:lt|gt|amp|quot|nbsp|#39);/g, (entity) => ENTITIES[entity]!);
}

/** What a reader wrote behind a line to point at it (`<=== here`, `<---`); the line without it. */
export function withoutPointer(text: string): string {
  return text.replace(/\s*(?:<[=-]{2,}|(?:^|\s)\^{3,}|\s#\s*<-+).*$/, '');
}
