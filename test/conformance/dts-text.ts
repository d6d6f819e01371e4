import { Trouble } from '../../src/base/errors.js';

/** Properties of a tree by path and name, `/soc/pcie@0:reg`, as hex digits; a node without its own is listed too. */
export type FlatTree = ReadonlyMap<string, string>;

const TOKEN =
  /\s+|\/\*[\s\S]*?\*\/|\/dts-v1\/;|\/memreserve\/[^;]*;|(?<string>"(?:[^"\\]|\\.)*")|(?<cells><[^>]*>)|(?<bytes>\[[^\]]*\])|(?<sign>[{};=])|(?<comma>,(?=\s))|(?<word>[^\s{};="<>[\]]+)/gy;

/**
 * Reads what `dtc -I dtb -O dts` prints, values back to bytes: dtc guesses whether a value is text, cells or bytes, and
 * the guess does not matter here.
 */
export function readDtsText(text: string): FlatTree {
  const found = new Map<string, string>();
  const path: string[] = [];
  let words: string[] = [];
  let value: string | null = null;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) {
      throw new Trouble('CNF-006', 'dtc printed something that cannot be read', {
        at: { line: text.slice(0, at).split('\n').length },
        actual: text.slice(at, at + 40),
      });
    }
    const { string, cells, bytes, sign, word } = groups;
    if (string !== undefined) value = `${value ?? ''}${textHex(string)}`;
    else if (cells !== undefined) value = `${value ?? ''}${cellsHex(cells)}`;
    else if (bytes !== undefined) value = `${value ?? ''}${bytes.replace(/[^0-9a-f]/g, '')}`;
    else if (word !== undefined) words.push(word);
    else if (sign === '=') value = '';
    else if (sign === '{') {
      const name = words.at(-1)!;
      path.push(name === '/' ? '' : name);
      found.set(nodePath(path), '');
      words = [];
    } else if (sign === '}') {
      path.pop();
      words = ['}'];
    } else if (sign === ';') {
      if (words[0] !== '}') found.set(`${nodePath(path)}:${words.at(-1)!}`, value ?? '');
      words = [];
      value = null;
    }
  }
  return found;
}

function nodePath(path: readonly string[]): string {
  return path.length === 1 ? '/' : path.join('/');
}

function cellsHex(cells: string): string {
  return (cells.match(/0x[0-9a-f]+/g) ?? []).map((cell) => cell.slice(2).padStart(8, '0')).join('');
}

const ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
};

function textHex(quoted: string): string {
  let hex = '';
  const byte = (value: number): void => {
    hex += value.toString(16).padStart(2, '0');
  };
  for (const [part, code] of quoted.slice(1, -1).matchAll(/\\(x[0-9a-f]{1,2}|.)|[^\\]/g)) {
    if (code === undefined) byte(part.charCodeAt(0));
    else if (code.startsWith('x') && code.length > 1) byte(Number.parseInt(code.slice(1), 16));
    else if (code === '0')
      byte(0); // dtc prints every NUL as \0, also before a digit: never octal.
    else byte(ESCAPES[code] ?? code.charCodeAt(0));
  }
  byte(0);
  return hex;
}
