import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { buildTorture, type Plant } from './built.js';
import { classes } from './classes.js';
import { Corpus, repositoryAbove } from './corpus.js';
import { flipped, mangled } from './mutate/bytes.js';
import { misstated } from './mutate/document.js';
import { parseToken, prngOf, tokenText } from './token.js';
import { putTogether, takeApart } from './trace-parts.js';
import { commandFault } from './verdict.js';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** The campaign in a program with faults, on what the repository holds alone. */
function built(plants: readonly Plant[] = []) {
  const folder = buildTorture(plants);
  folders.push(folder);
  const command = [
    join(folder, 'test/torture/main.js'),
    '--data',
    join(folder, 'none'),
    '--keep',
    join(folder, 'kept'),
  ];
  return {
    kept: join(folder, 'kept'),
    run: (...args: string[]) => spawnSync(process.execPath, [...command, ...args], { encoding: 'utf8' }),
    start: (...args: string[]) =>
      new Promise<{ readonly status: number | null; readonly stdout: string }>((resolve) => {
        const child = spawn(process.execPath, [...command, ...args], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let stdout = '';
        child.stdout.on('data', (data) => {
          stdout += String(data);
        });
        child.on('close', (status) => resolve({ status, stdout }));
      }),
  };
}

describe('the campaign', () => {
  it('fails nothing in a bounded run of every class', { timeout: 300_000 }, async () => {
    const { status, stdout } = await built().start('--tries', '12', '--seed', '20261', '--patience', '120');
    expect(stdout).not.toMatch(/^failed/m);
    for (const { name } of classes) expect(stdout).toMatch(new RegExp(`^${name} +[1-9]`, 'm'));
    expect(status).toBe(0);
  });

  it.each<[what: string, of: string, said: RegExp, plant: Plant]>([
    [
      'a checksum that is not looked at',
      'bits',
      /fsck finds nothing wrong|misread/,
      { file: 'src/log/frame.js', text: 'if (byteDriver.crc32(stored) !== header.crc)', by: 'if (false)' },
    ],
    [
      'an exception without a code',
      'snapshots',
      /BUG: TypeError: planted/,
      {
        file: 'src/cli/verbs/replay.js',
        text: 'withTrace(required',
        by: '((() => { throw new TypeError("planted"); })(), withTrace)(required',
      },
    ],
    [
      'an end that does not come',
      'headers',
      /not ended after 2 s/,
      {
        file: 'src/log/header.js',
        text: 'function checkHeader(value) {',
        by: 'function checkHeader(value) { for (;;);',
      },
    ],
    [
      'memory that is not bounded',
      'arguments',
      /it took \d+ MiB/,
      {
        file: 'src/cli/run.js',
        text: 'async function runCommand(argv, console) {',
        by: 'async function runCommand(argv, console) { globalThis.planted ??= Buffer.alloc(400 << 20, 1);',
      },
    ],
  ])('finds %s, and keeps its input', { timeout: 120_000 }, async (_what, of, said, plant) => {
    const { run, kept } = built([plant]);
    // One flip may fall where another check sees it: enough of them do not.
    const first = run('--tries', of === 'bits' ? '12' : '1', '--seed', '4', '--class', of, '--patience', '2');
    expect(first.stdout).toMatch(said);
    expect(first.status).toBe(1);
    const token = /^failed (\S+)$/m.exec(first.stdout)![1]!;
    expect(readFileSync(join(kept, token.replaceAll(':', '-'), 'why.txt'), 'utf8')).toMatch(said);
    if (of !== 'bits') return;
    const again = run('--replay', token, '--patience', '2');
    expect(again.stdout).toMatch(said);
    expect(again.status).toBe(1);
    expect(readdirSync(join(kept, token.replaceAll(':', '-'))).length).toBe(2);
  });

  it('refuses what it does not know', () => {
    const { run } = built();
    for (const args of [
      [],
      ['--tries', 'x'],
      ['--minutes', '1', '--class', 'none'],
      ['--replay', 'none:1:1'],
    ])
      expect(run(...args).status).toBe(2);
    expect(existsSync('torture-failures')).toBe(false);
  });
});

describe('a token', () => {
  it('is read back, and draws the same numbers again', () => {
    const token = { of: 'import-dtb', seed: 7, n: 12 };
    expect(parseToken(tokenText(token))).toEqual(token);
    expect(parseToken('bits:x:3')).toBeNull();
    expect(prngOf(token).u32()).toBe(prngOf({ ...token }).u32());
    expect(prngOf(token).u32()).not.toBe(prngOf({ ...token, n: 13 }).u32());
  });
});

describe('the toolbox', () => {
  const trace = readFileSync(new Corpus(repositoryAbove(import.meta.dirname), null).traces()[0]!);

  it('takes a trace apart and puts it together', () => {
    const parts = takeApart(trace);
    expect(takeApart(putTogether(parts))).toEqual(parts);
  });

  it('changes what it is given, and not the given thing', () => {
    const prng = new Prng(5);
    const document = { a: [1, 'x', { b: Uint8Array.of(1, 2, 3) }], c: null };
    const [bytes, text] = [new Uint8Array(trace), JSON.stringify(document)];
    let other = 0;
    for (let i = 0; i < 300; i++) {
      expect(Buffer.compare(flipped(prng, bytes).value, trace)).not.toBe(0);
      mangled(prng, bytes);
      if (JSON.stringify(misstated(prng, document).value) !== text) other += 1;
    }
    expect(Buffer.compare(bytes, trace)).toBe(0);
    expect(JSON.stringify(document)).toBe(text);
    expect(other).toBeGreaterThan(250);
  });
});

describe('a verdict on a command', () => {
  const ran = { args: ['show', 'x.xpr'], code: 0, out: '', err: '' };

  it.each([
    ['a crash without a code', { code: 2, err: 'xpr: BUG: TypeError: x is not a function' }],
    ['an exit code that is none of the contract', { code: 134 }],
    ['trouble without a code', { code: 2, err: 'oops' }],
    ['success with an error', { code: 0, err: 'xpr: LOG-004: checksum' }],
    ['bytes that move the terminal', { out: 'a\u001b[2J' }],
    ['a reducer that gives way', { code: 2, err: 'xpr: RUN-001: the reducer of iommu broke off (#1 x)' }],
    ['events left out', { code: 2, err: 'xpr: RUN-002: not all events were processed' }],
  ])('is a fault: %s', (_what, change) => {
    expect(commandFault({ ...ran, ...change })).not.toBeNull();
  });

  it.each([
    ['an answer', {}],
    ['a coded error', { code: 2, err: 'xpr: LOG-001: not a trace file (x.xpr:0x0)' }],
    ['damage', { code: 1, out: 'damaged: offset 0x0: LOG-004: checksum' }],
    ['data for scripts as it is', { args: ['show', '-'], out: '\u001b' }],
  ])('is none: %s', (_what, change) => {
    expect(commandFault({ ...ran, ...change })).toBeNull();
  });
});
