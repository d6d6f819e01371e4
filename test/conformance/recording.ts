import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Trouble } from '../../src/base/errors.js';

/** Names of the folders in a folder, in order: one recording each. Files beside them are notes. */
export const recordingNames = (folder: string): readonly string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();

/** Text of `folder/name` or of `folder/name.xz`; null when neither is there. @throws {Trouble} xz is missing or fails */
export function recordingText(folder: string, name: string): string | null {
  const plain = join(folder, name);
  if (existsSync(plain)) return readFileSync(plain, 'latin1');
  const packed = `${plain}.xz`;
  if (!existsSync(packed)) return null;
  const run = spawnSync('xz', ['-dc', packed], { maxBuffer: 1 << 30 });
  if (run.error !== undefined) {
    throw new Trouble('CNF-010', 'the program xz is needed to read the recordings', {
      file: packed,
      actual: run.error.message,
      hint: 'install xz-utils, or unpack the .xz files beside themselves',
    });
  }
  if (run.status !== 0) {
    throw new Trouble('CNF-011', 'xz cannot read a recording', {
      file: packed,
      actual: run.stderr.toString('utf8').trim(),
      hint: 'the file is damaged or not an xz file',
    });
  }
  return run.stdout.toString('latin1');
}
