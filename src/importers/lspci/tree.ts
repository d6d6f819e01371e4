import { type Named, readName } from '../text/names.js';

/** Buses behind a bridge. */
export interface Buses {
  readonly secondary: number;
  readonly subordinate: number;
}

/** A root (`-[0000:00]-+-00.0`), a branch (`+-02.0`), a port with the buses behind it (`01.0-[02-05]----00.0`). */
const STEP =
  /(?:-\[(?:([0-9a-f]{4,8}):)?([0-9a-f]{2})(?:-([0-9a-f]{2}))?\])|(?:([0-9a-f]{2}\.[0-7])(?=[-\s]|$))/gi;
const TREE = /^\s*(?:-\[[0-9a-f]{4,8}:[0-9a-f]{2}|[|\s]*[+\\]-(?:\[|[0-9a-f]{2}\.[0-7]))/i;

export const isTreeLine = (text: string): boolean => TREE.test(text);

interface Level {
  /** Column its branches stand below. */
  readonly column: number;
  readonly segment: number;
  readonly bus: number;
}

/** Reads `lspci -t`: the functions, and the buses behind each bridge. */
export class TreeReader {
  readonly #found: (name: Named, behind: Buses | null) => void;
  #levels: Level[] = [];

  constructor(found: (name: Named, behind: Buses | null) => void) {
    this.#found = found;
  }

  end(): void {
    this.#levels = [];
  }

  /** @returns Whether a function was found. */
  take(text: string): boolean {
    const start = text.search(/\S/);
    const branch = text.search(/[+\\]-/);
    if (!/^\s*-\[/.test(text)) this.#levels = this.#levels.filter(({ column }) => column <= branch);
    else this.#levels = [];
    let any = false;
    let last: Named | null = null;
    STEP.lastIndex = start;
    // The name of a device stands behind two blanks and may hold anything.
    const tree = text.replace(/(\d\.[0-7]) {2,}.*$/, '$1');
    for (const step of tree.matchAll(STEP)) {
      const [whole, segment, bus, end, fn] = step;
      if (bus !== undefined) {
        const above = this.#levels.at(-1);
        const after = step.index + whole.length;
        const fork = tree.slice(after).search(/[+\\]-/);
        this.#levels.push({
          column: fork < 0 ? Number.MAX_SAFE_INTEGER : after + fork,
          segment: segment === undefined ? (above?.segment ?? 0) : Number.parseInt(segment, 16),
          bus: Number.parseInt(bus, 16),
        });
        const secondary = Number.parseInt(bus, 16);
        if (last !== null) this.#found(last, { secondary, subordinate: Number.parseInt(end ?? bus, 16) });
        last = null;
        continue;
      }
      const level = this.#levels.at(-1);
      if (level === undefined || fn === undefined) continue;
      last = readName(`${level.segment.toString(16)}:${level.bus.toString(16)}:${fn}`);
      if (last === null) continue;
      any = true;
      this.#found(last, null);
    }
    return any;
  }
}
