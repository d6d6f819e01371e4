import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildCommand } from './built.js';

const { folder, main } = buildCommand();

const xpr = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8' });

describe('the command as a process', () => {
  it('ends quietly when nobody reads its output any more', async () => {
    expect(xpr('record', 'guest-boot-1000', '-o', 'big.xpr').status).toBe(0);
    const child = spawn(process.execPath, [main, 'show', 'big.xpr'], { cwd: folder });
    let talk = '';
    child.stderr.on('data', (data) => {
      talk += String(data);
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const code = await new Promise((done) => child.on('close', done));
    expect([code, talk]).toEqual([0, '']);
  });

  it('checks a corpus to the same result with one thread and with three', () => {
    for (const seed of ['1', '2', '3', '4', '5']) {
      expect(xpr('record', 'two-bridges-swapped', '-o', `c${seed}.xpr`, '--seed', seed).status).toBe(0);
    }
    writeFileSync(join(folder, 'c6.xpr'), 'no trace');
    const files = ['c1.xpr', 'c2.xpr', 'c3.xpr', 'c6.xpr', 'c4.xpr', 'c5.xpr'];
    const alone = xpr('check', ...files, '--jobs', '1', '--json');
    const together = xpr('check', ...files, '--jobs', '3', '--json');
    expect([together.status, together.stdout]).toEqual([alone.status, alone.stdout]);
    expect(alone.status).toBe(2);
    expect(JSON.parse(alone.stdout).results.map(({ file }: { file: string }) => file)).toEqual(files);
  });

  it('records the same bytes in every process', () => {
    const record = () => xpr('record', 'deferred-probe', '-o', 'p.xpr', '--seed', '9');
    expect(record().status).toBe(0);
    const first = readFileSync(join(folder, 'p.xpr'));
    expect(record().status).toBe(0);
    expect(readFileSync(join(folder, 'p.xpr')).equals(first)).toBe(true);
  });

  it('says the same with the native part of msgpackr and without', () => {
    expect(xpr('record', 'two-bridges-swapped', '-o', 'n.xpr').status).toBe(0);
    const shown = (disabled: string) =>
      spawnSync(process.execPath, [main, 'show', 'n.xpr', '--json'], {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, MSGPACKR_NATIVE_ACCELERATION_DISABLED: disabled },
      }).stdout;
    expect(shown('false')).toMatch(/^{"seq":0,/);
    expect(shown('true')).toBe(shown('false'));
  });

  it('loads verbs when they run, so that help comes at once', () => {
    // Everything the command imports before it knows the verb.
    const eager = new Set<string>();
    const follow = (file: string): void => {
      if (eager.has(file)) return;
      eager.add(file);
      for (const [, path] of readFileSync(file, 'utf8').matchAll(
        /^(?:import|export) .*?from '(\.[^']+)'/gms,
      )) {
        follow(resolve(dirname(file), path!));
      }
    };
    follow(main);
    const names = [...eager].map((file) => file.slice(folder.length + 1)).sort();
    expect(names).toEqual([
      'src/base/errors.js',
      'src/base/limits.js',
      'src/base/near.js',
      'src/base/release.js',
      'src/base/shell-word.js',
      'src/base/visible.js',
      'src/cli/io.js',
      'src/cli/main.js',
      'src/cli/missing-file.js',
      'src/cli/run.js',
      'src/cli/verbs.js',
      'src/exporters/registry.js',
      'src/log/descriptor.js',
    ]);
  });
});
