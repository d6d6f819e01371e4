import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imports, root, sources } from './imports.js';

/**
 * Rooms of the house from the roof down; a room imports from itself and from rooms below it only. Rooms in one row
 * stand side by side and do not know each other.
 */
const storeys: readonly (readonly string[])[] = [
  ['cli'],
  ['api'],
  ['scenarios'],
  ['emulators'],
  ['machine', 'diagnose'],
  ['importers', 'exporters'],
  ['rules'],
  ['models'],
  ['tell'],
  ['state'],
  ['platform', 'log'],
  ['events'],
  ['policy', 'messages'],
  ['pci'],
  ['base'],
];

const storeyOf = (room: string): number => storeys.findIndex((row) => row.includes(room));
const roomOf = (file: string): string =>
  file.startsWith('src/') ? file.split('/')[1]! : file.split('/')[0]!;

function breach(file: string, imported: string): string | null {
  const [from, to] = [roomOf(file), roomOf(imported)];
  if (from === to) return null;
  const isAboveReplay = (room: string): boolean => room === 'cli' || room === 'api';
  if (from === 'replay')
    return imported.startsWith('src/') && !isAboveReplay(to) ? null : `${file} -> ${imported}`;
  if (to === 'replay') return isAboveReplay(from) ? null : `${file} -> ${imported}`;
  return storeyOf(to) > storeyOf(from) ? null : `${file} -> ${imported}`;
}

describe('the house', () => {
  const files = [...sources('src'), ...sources('replay')];

  it('has no room that the plan does not know', () => {
    const rooms = new Set(sources('src').map(roomOf));
    expect([...rooms].filter((room) => storeyOf(room) < 0)).toEqual([]);
  });

  it('has arrows down only', () => {
    expect(
      files.flatMap((file) => imports(file).map((imported) => breach(file, imported))).filter(Boolean),
    ).toEqual([]);
  });

  it('sees a breach when there is one', () => {
    expect(breach('src/pci/sbdf.ts', 'src/models/engine.js')).not.toBeNull();
    expect(breach('src/models/engine.ts', 'replay/run/replayer.js')).not.toBeNull();
  });

  it('keeps clock and chance in base and cli', () => {
    const banned =
      /Date\.now|Math\.random|performance\.now|setTimeout|setInterval|new Date\(|process\.hrtime|toLocale/;
    const free = (file: string): boolean => /^src\/(base|cli)\//.test(file);
    expect(
      files.filter((file) => !free(file) && banned.test(readFileSync(join(root, file), 'utf8'))),
    ).toEqual([]);
  });

  it('prints and exits in cli only', () => {
    const banned = /console\.|process\.(exit|stdout|stderr)/;
    const free = (file: string): boolean => file.startsWith('src/cli/');
    expect(
      files.filter((file) => !free(file) && banned.test(readFileSync(join(root, file), 'utf8'))),
    ).toEqual([]);
  });

  it('names no path of one machine and no download address', () => {
    const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
    expect(lock).not.toMatch(/"resolved": *"https?:/);
    const paths = /(^|[^A-Za-z0-9_./-])\/(work|root|home)\/[A-Za-z0-9._-]+/;
    expect(files.filter((file) => paths.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
  });
});
