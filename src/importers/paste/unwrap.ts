import type { PastedLine } from './line.js';
import { hasPrefix, spoken } from './prefix.js';

/** Lines of one message that mailers and terminals spread over at most this many. */
const MOST = 5;
/** A line shorter than this was not broken for its length. */
const NARROW = 48;

/** Blocks of lspci and source code. */
const INDENTED = /^\t| {8}/;

/** What begins something of its own: a device of lspci, a prompt, a heading, a cut-out, a document. */
const STARTS =
  /^(?:(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] |\s*(?:\[\.\.\.\]|\.\.\.|…)\s*$|[\w.-]+@[\w.-]+[:~]|[#$%] |\+ |[{<[(]\w?|-{3,}|={3,}|\/)/i;

/** A full line of a mail: one that ends nearer to the margin was broken there. */
const FULL = 68;
/** A device's name and nothing said of it yet. */
const UNFINISHED = /(?:^|\s)[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]:\s*$/i;

/**
 * Puts together lines that a mailer or a terminal broke. A line without the prefix of its log goes on with the one
 * before; whether a blank was lost at the break shows in which of the two spellings is a message somebody prints.
 * @param known How much of a text, without prefixes, the words of a known message are; 0 for none.
 */
export function unwrapped(lines: readonly PastedLine[], known: (text: string) => number): PastedLine[] {
  const out: PastedLine[] = [];
  for (let i = 0; i < lines.length; ) {
    const { joined, taken } = joinFrom(lines, i, known);
    out.push(joined);
    i += taken;
  }
  return out;
}

interface Joined {
  readonly joined: PastedLine;
  readonly taken: number;
}

function joinFrom(lines: readonly PastedLine[], first: number, known: (text: string) => number): Joined {
  const start = lines[first]!;
  if (start.text.trim() === '' || !hasPrefix(start.text.trimStart())) return { joined: start, taken: 1 };
  const score = (text: string): number => known(spoken(text).text);
  let best = { joined: start, taken: 1, score: score(start.text) };
  let spellings = [start.text];
  let plain = true;
  for (let n = 1; n < MOST && first + n < lines.length; n++) {
    const next = lines[first + n]!;
    const before = lines[first + n - 1]!.text;
    const text = next.text.trim();
    const must = UNFINISHED.test(before);
    if (text === '' || hasPrefix(text) || (best.score > 0 && score(text) > 0)) break;
    if (!must && before.trim().length < NARROW && !/\s$/.test(before)) break;
    spellings = spellings.flatMap((so) => spelled(so, text));
    plain &&= must || !(INDENTED.test(next.text) || STARTS.test(text));
    const scores = spellings.map(score);
    const most = Math.max(...scores);
    // Where no message comes of it, lines go together that look like one broken line; a whole message stays as it was.
    if (most <= best.score && !(plain && (most === 0 || before.length >= FULL))) continue;
    best = {
      joined: {
        line: start.line,
        lastLine: next.lastLine,
        text: spellings[most === 0 ? 0 : scores.indexOf(most)]!,
      },
      taken: n + 1,
      score: most,
    };
  }
  return best;
}

/** How two pieces may have stood together; behind a `=` they may be a mail's, which ends a line it breaks with one. */
function spelled(before: string, after: string): string[] {
  const so = before.trimEnd();
  const both = [`${so} ${after}`, so + after];
  return so.endsWith('=') ? [...both, so.slice(0, -1) + after] : both;
}
