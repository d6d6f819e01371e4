import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TraceReader } from '../../src/log/reader.js';
import { fileStore } from '../../src/log/stores/file-store.js';
import { messageIndex } from '../../src/messages/catalogue.js';

const root = resolve(import.meta.dirname, '../../traces/golden');

/** Lines that models printed, each once, numbers apart. */
function printed(): string[] {
  const lines = new Map<string, string>();
  for (const release of readdirSync(root, { withFileTypes: true })) {
    if (!release.isDirectory()) continue;
    for (const file of readdirSync(join(root, release.name)).filter((name) => name.endsWith('.xpr'))) {
      const reader = TraceReader.open(fileStore.open(join(root, release.name, file)));
      for (const { kind, data } of reader.readEvents()) {
        if (kind !== 'linux.logged' && kind !== 'xen.logged' && kind !== 'toolstack.logged') continue;
        if (kind === 'toolstack.logged' && data.level === 'output') continue;
        for (const line of data.text.split('\n')) lines.set(line.replace(/[0-9a-f]*\d[0-9a-f]*/g, '#'), line);
      }
      reader.close();
    }
  }
  return [...lines.values()].filter((line) => line !== '');
}

describe('what models print', () => {
  it('is in the catalogue, to the letter', () => {
    const index = messageIndex();
    expect(printed().filter((line) => index.find(line)?.how !== 'exact')).toEqual([]);
  });
});
