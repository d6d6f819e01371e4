import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Inputs of a campaign, in an order that depends on their names alone. Read when they are first asked for. */
export class Corpus {
  readonly #root: string;
  readonly #data: string | null;
  readonly #files = new Map<string, readonly string[]>();

  /**
   * @param root The repository.
   * @param data A folder of recordings of real systems beside it; null for none.
   */
  constructor(root: string, data: string | null) {
    this.#root = root;
    this.#data = data;
  }

  /** Paths of traces; the long ones are left out unless asked for. */
  traces(most = 20_000): readonly string[] {
    return this.#found(`traces ${most}`, () =>
      filesBelow(join(this.#root, 'traces')).filter(
        (file) => file.endsWith('.xpr') && readFileSync(file).length <= most,
      ),
    );
  }

  /** A trace of several blocks. */
  longTrace(): string {
    return join(this.#root, 'traces/golden/0.1.0/guest-boot-1000.xpr');
  }

  /** Paths of inputs of one format. */
  inputs(format: keyof typeof patterns): readonly string[] {
    return this.#found(format, () =>
      [join(this.#root, 'test/fixtures'), ...(this.#data === null ? [] : [this.#data])]
        .flatMap(filesBelow)
        .filter((file) => patterns[format].test(file)),
    );
  }

  /** Files that an earlier release did not survive. */
  hostile(): readonly string[] {
    return this.#found('hostile', () => {
      const folder = this.#data === null ? null : join(this.#data, 'hostile');
      return folder !== null && existsSync(folder)
        ? filesBelow(folder).filter((file) => !file.endsWith('.md'))
        : [];
    });
  }

  #found(key: string, find: () => readonly string[]): readonly string[] {
    const known = this.#files.get(key);
    if (known !== undefined) return known;
    const found = find();
    this.#files.set(key, found);
    return found;
  }
}

const patterns = {
  dtb: /\.dtb$/,
  'qemu-log': /(qemu-log\/[^/]+\/trace|qemu-trace|qemu-dm-trace|trace)\.log(\.gz|\.xz)?$/,
  'xen-tap': /tap\.jsonl(\.xz)?$/,
  xenstored: /xenstored\.trace(\.xz)?$/,
  xentrace: /\.xentrace(\.xz)?$/,
} as const;

/** Bytes of an input, unpacked; the start of it where it is long. */
export function readInput(file: string, most = 96 << 10): Uint8Array {
  return new Uint8Array(unpacked(file)).slice(0, most);
}

function unpacked(file: string): Uint8Array {
  if (file.endsWith('.gz')) return gunzipSync(readFileSync(file));
  if (!file.endsWith('.xz')) return readFileSync(file);
  return spawnSync('xz', ['-dc', file], { maxBuffer: 1 << 28 }).stdout;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** The nearest folder above that has traces in it. */
export function repositoryAbove(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'traces/golden'))) return folder;
    if (dirname(folder) === folder) throw new Error(`no traces/golden above ${start}`);
  }
}
