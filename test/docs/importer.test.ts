import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';
import type { Format } from '../../src/importers/importer.js';
import { importBytes } from '../importers/import-bytes.js';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/write-an-importer.md'), 'utf8');
const source = /```ts\n(.*?)```/s.exec(page)![1]!;
/** Where it would stand. */
const place = join(root, 'src/importers/analyser/format.ts');
const folder = mkdtempSync(join(tmpdir(), 'xpr-importer-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the compiler has against the page, under the settings of the project. */
function complaints(text: string): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (file) => readFileSync(file, 'utf8'));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (file) => file === place || fileExists(file);
  host.getSourceFile = (file, how, ...rest) =>
    file === place ? ts.createSourceFile(file, text, how) : getSourceFile(file, how, ...rest);
  const program = ts.createProgram([place], { ...options, noEmit: true }, host);
  const file = program.getSourceFile(place)!;
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((one) =>
    ts.flattenDiagnosticMessageText(one.messageText, '\n'),
  );
}

async function loaded(): Promise<Format> {
  const absolute = source.replace(
    /from '(\.[^']+)\.js'/g,
    (_all, path: string) => `from '${resolve(dirname(place), path)}.ts'`,
  );
  const file = join(folder, 'format.ts');
  writeFileSync(file, absolute);
  const module = (await import(/* @vite-ignore */ file)) as { analyserFormat: Format };
  return module.analyserFormat;
}

describe('the importer on the page', () => {
  it('compiles; one with a mistake does not', { timeout: 60_000 }, () => {
    expect(complaints(source)).toEqual([]);
    expect(complaints(source.replace("origin: 'observed'", "origin: 'seen'"))).not.toEqual([]);
  });

  it('reads what it says it reads, however it is cut', async () => {
    const format = await loaded();
    const text = '# port 1\n12.000104 R 01:00.0 +004/2 0x0007\n12.000107 W 01:00.0 +004/2 0x6\n12.0001';
    expect(format.detect(new TextEncoder().encode(text.slice(9)))).toBe(true);
    expect(format.detect(new TextEncoder().encode('hello\n'))).toBe(false);
    const whole = await importBytes(format, text);
    expect(whole.events.map(({ kind, atNs, cause }) => [kind, atNs, cause])).toEqual([
      ['config.requested', 0, null],
      ['config.completed', 0, 0],
      ['config.requested', 3_000, null],
      ['config.completed', 3_000, 2],
    ]);
    expect(whole.events[1]!.data).toEqual({ value: 7, handledBy: 'hw', function: 0x100 });
    expect(whole.counts).toMatchObject([{ records: 2, skipped: 1, lost: 1, timesBack: 0 }]);
    for (const piece of [1, 7, 64]) expect(await importBytes(format, text, piece)).toEqual(whole);
    await expect(importBytes(format, 'x\n')).rejects.toMatchObject({ code: 'ANA-001' });
  });
});
