import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The repository, from the compiled program as from the source. */
export const root = existsSync(resolve(import.meta.dirname, '../../package.json'))
  ? resolve(import.meta.dirname, '../..')
  : resolve(import.meta.dirname, '../../..');

export interface Specimen {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Files below a folder with one of the endings, up to a size, in the order of their paths; none where it is missing. */
export function specimens(folder: string, endings: readonly string[], mostBytes: number): Specimen[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size <= mostBytes)
    .sort()
    .map((path) => ({ name: path, bytes: new Uint8Array(readFileSync(path)) }));
}

/** Small traces of every release. */
export const traces = (): Specimen[] => specimens(join(root, 'traces'), ['.xpr'], 60_000);
