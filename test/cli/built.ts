import {
  copyFileSync,
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
import { afterAll } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** The command compiled, types unchecked, so that plain Node can run it. */
export interface Built {
  /** A folder of its own, gone after the tests of the file. */
  readonly folder: string;
  readonly main: string;
}

/** Compiles the command. Takes some seconds: for `beforeAll`, or once at the top of a test file. */
export function buildCommand(): Built {
  const folder = mkdtempSync(join(tmpdir(), 'xpr-command-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  for (const room of ['src', 'replay']) {
    for (const name of readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const { outputText } = ts.transpileModule(readFileSync(join(root, room, name), 'utf8'), {
        compilerOptions: {
          module: ts.ModuleKind.ESNext,
          target: ts.ScriptTarget.ES2022,
          verbatimModuleSyntax: true,
        },
      });
      const out = join(folder, room, name.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(out), { recursive: true });
      writeFileSync(out, outputText);
    }
  }
  return { folder, main: join(folder, 'src/cli/main.js') };
}
