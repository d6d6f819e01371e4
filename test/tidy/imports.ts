import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

/** TypeScript files below a folder of the repository, as paths from its root, in order. */
export function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** Files of the repository that a file imports, types included. */
export function imports(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map((match) =>
    relative(root, resolve(root, dirname(file), match[1]!.replace(/\.js$/, '.ts'))),
  );
}

/** Groups that reach each other along arrows, each sorted: the circles of a graph. */
export function circles(arrows: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const reach = new Map<string, Set<string>>();
  for (const from of arrows.keys()) {
    const seen = new Set<string>();
    const open = [from];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const to of arrows.get(at) ?? []) {
        if (seen.has(to)) continue;
        seen.add(to);
        open.push(to);
      }
    }
    reach.set(from, seen);
  }
  const groups = new Map<string, string[]>();
  for (const [at, seen] of reach) {
    if (!seen.has(at)) continue;
    const group = [...seen].filter((other) => reach.get(other)?.has(at) === true).sort();
    groups.set(group.join(' '), group);
  }
  return [...groups.values()].sort((a, b) => (a[0]! < b[0]! ? -1 : 1));
}

/** Arrows between groups of files; a group does not point at itself. */
export function arrowsBetween(
  files: readonly string[],
  groupOf: (file: string) => string | null,
): Map<string, Set<string>> {
  const arrows = new Map<string, Set<string>>();
  for (const file of files) {
    const from = groupOf(file);
    if (from === null) continue;
    const out = arrows.get(from) ?? new Set<string>();
    arrows.set(from, out);
    for (const imported of imports(file)) {
      const to = groupOf(imported);
      if (to !== null && to !== from) out.add(to);
    }
  }
  return arrows;
}
