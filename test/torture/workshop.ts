import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../src/cli/run.js';
import type { Corpus } from './corpus.js';

/** What a command came to. */
export interface Ran {
  readonly args: readonly string[];
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Characters of an output that are looked at. */
const MOST_OUTPUT = 4 << 20;

/** Where tries are made: a folder that is empty before each, the corpora, and the program. */
export class Workshop {
  readonly corpus: Corpus;
  /** The command as a file, for tries that need a process of its own. */
  readonly main: string;
  readonly folder: string;

  constructor(corpus: Corpus, main: string) {
    this.corpus = corpus;
    this.main = main;
    this.folder = mkdtempSync(join(tmpdir(), 'xpr-torture-'));
  }

  /** Path of a file in the folder. */
  readonly path = (name: string): string => join(this.folder, name);

  /** Puts a file there; its path. */
  put(name: string, bytes: Uint8Array): string {
    writeFileSync(this.path(name), bytes);
    return this.path(name);
  }

  /** Names and contents of all regular files there. */
  files(): Map<string, Buffer> {
    const entries = readdirSync(this.folder, { withFileTypes: true }).filter((entry) => entry.isFile());
    return new Map(entries.map(({ name }) => [name, readFileSync(this.path(name))]));
  }

  /** Empties the folder; it stays itself, for it is somebody's current one. */
  clear(): void {
    for (const name of readdirSync(this.folder)) rmSync(this.path(name), { recursive: true, force: true });
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs a command in this process. */
  async xpr(args: readonly string[], input: Uint8Array = new Uint8Array()): Promise<Ran> {
    const parts: Buffer[] = [];
    let size = 0;
    let err = '';
    const code = await runCommand(args, {
      out: (data) => {
        // Longer ones would be memory of the campaign's, not of the program's.
        if (size < MOST_OUTPUT) parts.push(Buffer.from(data as string));
        size += data.length;
      },
      err: (text) => {
        err += text;
      },
      input: () => input,
      outIsTerminal: false,
      errIsTerminal: false,
    });
    return { args, code, out: Buffer.concat(parts).toString('utf8'), err };
  }
}
