import { describe, expect, it } from 'vitest';
import { arrowsBetween, circles, sources } from './imports.js';

const files = [...sources('src'), ...sources('replay')];
/** A room of `src/models`: a folder there; what stands beside the folders belongs to none. */
const modelRoom = (file: string): string | null => /^src\/models\/([^/]+)\//.exec(file)?.[1] ?? null;

describe('imports', () => {
  it('have no circle of files', () => {
    expect(circles(arrowsBetween(files, (file) => file))).toEqual([]);
  });

  it('have no circle of folders in the models', () => {
    expect(circles(arrowsBetween(files, modelRoom))).toEqual([]);
  });

  it('have no circle of rooms', () => {
    expect(circles(arrowsBetween(files, (file) => file.split('/').slice(0, 2).join('/')))).toEqual([]);
  });

  it('would show one', () => {
    const arrows = arrowsBetween(files, (file) => file);
    arrows.get('src/base/hex.ts')!.add('src/pci/sbdf.ts');
    expect(circles(arrows)).toEqual([['src/base/hex.ts', 'src/pci/sbdf.ts']]);
    const rooms = arrowsBetween(files, modelRoom);
    rooms.get('hardware')!.add('linux');
    expect(circles(rooms)).toEqual([['hardware', 'linux', 'xen']]);
    expect(circles(new Map([['a', new Set(['a'])]]))).toEqual([['a']]);
  });
});
