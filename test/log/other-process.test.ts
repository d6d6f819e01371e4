import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TraceReader } from '../../src/log/reader.js';
import { fileStore } from '../../src/log/stores/file-store.js';
import { TraceWriter } from '../../src/log/writer.js';
import { sampleEvents, sampleHeader } from './sample.js';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'xpr-process-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Compiles what a writer needs, types unchecked, so that plain Node can run it. */
beforeAll(() => {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const sources = ['src/base', 'src/pci', 'src/events', 'src/log'].flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(room, name)),
  );
  for (const name of [...sources, 'test/log/sample.ts']) {
    const { outputText } = ts.transpileModule(readFileSync(join(root, name), 'utf8'), {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2022,
        verbatimModuleSyntax: true,
      },
    });
    const out = join(folder, name.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, outputText);
  }
});

function run(script: string): string {
  const file = join(folder, 'script.js');
  writeFileSync(file, script);
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

describe('a trace written by another process', () => {
  it('is read here as it was meant', () => {
    const digest = run(`
      import { fileStore } from './src/log/stores/file-store.js';
      import { TraceWriter } from './src/log/writer.js';
      import { sampleEvents, sampleHeader } from './test/log/sample.js';
      const writer = new TraceWriter(fileStore.create('there.xpr'), sampleHeader);
      writer.appendAll(sampleEvents(9000));
      process.stdout.write(writer.finish().digest);
    `);
    const reader = TraceReader.open(fileStore.open(join(folder, 'there.xpr')));
    expect(reader.digest).toBe(digest);
    expect([...reader.readEvents()]).toStrictEqual([...sampleEvents(9000)]);
    reader.close();
  });

  it('is the same file, byte for byte, as one written here', () => {
    const here = new TraceWriter(fileStore.create(join(folder, 'here.xpr')), sampleHeader);
    here.appendAll(sampleEvents(9000));
    here.finish();
    expect(readFileSync(join(folder, 'here.xpr'))).toEqual(readFileSync(join(folder, 'there.xpr')));
  });

  it('is read by another process from any block, without the blocks before', () => {
    const last = run(`
      import { fileStore } from './src/log/stores/file-store.js';
      import { TraceReader } from './src/log/reader.js';
      const reader = TraceReader.open(fileStore.open('here.xpr'));
      process.stdout.write(JSON.stringify(reader.eventAt(8999)));
    `);
    expect(JSON.parse(last)).toEqual([...sampleEvents(9000)][8999]);
  });
});
