import { copyFileSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';

const root = resolve(import.meta.dirname, '../..');

/** A text of the compiled program and what stands there instead: a fault that the campaign has to find. */
export interface Plant {
  readonly file: string;
  readonly text: string;
  readonly by: string;
}

/** Compiles the program and the campaign, types unchecked, with faults in it. @returns The folder. */
export function buildTorture(plants: readonly Plant[] = []): string {
  const folder = mkdtempSync(join(tmpdir(), 'xpr-campaign-'));
  buildSync({
    absWorkingDir: root,
    entryPoints: [
      'src/**/*.ts',
      'replay/**/*.ts',
      'test/scan/scan.ts',
      'test/state/nonsense.ts',
      'test/log/arbitrary-events.ts',
      'test/torture/**/*.ts',
    ],
    outdir: folder,
    outbase: '.',
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    logLevel: 'error',
  });
  for (const name of ['node_modules', 'traces', 'test/fixtures'])
    symlinkSync(join(root, name), join(folder, name));
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  for (const { file, text, by } of plants) {
    const whole = readFileSync(join(folder, file), 'utf8');
    if (!whole.includes(text)) throw new Error(`${file} has no ${text}`);
    writeFileSync(
      join(folder, file),
      whole.replace(text, () => by),
    );
  }
  return folder;
}
