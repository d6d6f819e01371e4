import type { PastedLine } from './line.js';
import { hasPrefix, spoken } from './prefix.js';

/** Lines of one message that mailers and terminals spread over at most this many. */
const MOST = 5;
/** A line shorter than this was not broken for its length. */
const NARROW = 48;

/** What begins something of its own: a device of lspci, a prompt, a heading, a cut-out, a document. */
const STARTS =
  /^(?:(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] |\s*(?:\[\.\.\.\]|\.\.\.|…)\s*$|[\w.-]+@[\w.-]+[:~]|[#$%] |\+ |[{<[(]\w?|-{3,}|={3,}|\/)/i;

/**
 * Puts together lines that a mailer or a terminal broke. A line without the prefix of its log goes on with the one
 * before; whether a blank was lost at the break shows in which of the two spellings is a message somebody prints.
 * @param known Whether a text, without prefixes, is a message as programs print it.
 */
export function unwrapped(lines: readonly PastedLine[], known: (text: string) => boolean): PastedLine[] {
  const out: PastedLine[] = [];
  for (let i = 0; i < lines.length; ) {
    const { joined, taken } = joinFrom(lines, i, known);
    out.push(joined);
    i += taken;
  }
  return out;
}

function joinFrom(
  lines: readonly PastedLine[],
  first: number,
  known: (text: string) => boolean,
): { readonly joined: PastedLine; readonly taken: number } {
  const start = lines[first]!;
  if (start.text.trim() === '' || !hasPrefix(start.text.trimStart())) return { joined: start, taken: 1 };
  const isKnown = (text: string): boolean => known(spoken(text).text);
  let best = { joined: start, taken: 1, sure: isKnown(start.text) };
  let spellings = [start.text];
  for (let n = 1; n < MOST && first + n < lines.length; n++) {
    const next = lines[first + n]!;
    const before = lines[first + n - 1]!.text;
    if (!goesOn(next.text) || (before.trim().length < NARROW && !/\s$/.test(before))) break;
    spellings = spellings.flatMap((text) => [
      `${text.trimEnd()} ${next.text.trim()}`,
      text.trimEnd() + next.text.trim(),
    ]);
    const right = spellings.find(isKnown);
    if (right === undefined && best.sure) continue;
    const text = right ?? spellings[0]!;
    best = {
      joined: { line: start.line, lastLine: next.lastLine, text },
      taken: n + 1,
      sure: right !== undefined,
    };
  }
  return best;
}

const goesOn = (text: string): boolean =>
  text.trim() !== '' &&
  !/^\t| {8}/.test(text) &&
  !STARTS.test(text.trimStart()) &&
  !hasPrefix(text.trimStart());
