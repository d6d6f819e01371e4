import { readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { Trouble } from '../../src/base/errors.js';

/** A trace of a corpus. */
export interface CorpusFile {
  readonly file: string;
  readonly sizeBytes: number;
}

/**
 * The traces behind paths: files as they are, folders with every `.xpr` below them. Each file once, in the order of
 * the paths, inside a folder by name.
 * @throws {Trouble} CHK-001 a path that is not there, CHK-002 paths without any trace
 */
export function corpus(paths: readonly string[]): CorpusFile[] {
  const found = new Map<string, CorpusFile>();
  const add = (file: string, { size }: Stats): void => {
    if (!found.has(file)) found.set(file, { file, sizeBytes: size });
  };
  for (const path of paths) {
    const stat = statOf(path);
    if (!stat.isDirectory()) add(path, stat);
    else for (const file of tracesBelow(path)) add(file, statOf(file));
  }
  if (found.size > 0) return [...found.values()];
  throw new Trouble('CHK-002', 'no trace there', {
    actual: paths.join(', '),
    expected: 'files, or folders that hold .xpr files',
  });
}

function tracesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.xpr'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((a, b) => (a < b ? -1 : 1));
}

function statOf(path: string): Stats {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined) return stat;
  throw new Trouble('CHK-001', 'no such file or folder', { file: path });
}
