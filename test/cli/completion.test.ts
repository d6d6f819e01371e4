import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { completions } from '../../src/cli/completion/words.js';
import { verbs } from '../../src/cli/verbs.js';
import { rules } from '../../src/rules/index.js';
import { scenarios } from '../../src/scenarios/index.js';
import { type Built, buildCommand } from './built.js';
import { good, xpr } from './xpr.js';

describe('completions', () => {
  it.each([
    [['reco'], ['record']],
    [['--v'], ['--version']],
    [['--quiet', 'fin'], ['findings']],
    [['help', 'wh'], ['what-if']],
    [['record', 'two-bridges-agr'], ['two-bridges-agreed']],
    [['record', 'x', '--pol'], ['--policy']],
    [['record', 'x', '--policy', 'iom'], ['iommu=']],
    [
      ['record', 'x', '--policy', 'iommu='],
      ['iommu=on', 'iommu=off'],
    ],
    [['record', 'x', '--policy', 'nosuch='], []],
    [['record', 'x', '--seed', ''], []],
    [['record', '-o', 'file', 'two-bridges-agr'], ['two-bridges-agreed']],
    [['what-if', 'x', '--switch', 'xen=4.19.'], ['xen=4.19.0']],
    [['diff', 'a', 'b', '--level', 's'], ['semantic']],
    [
      ['findings', 't', '--rule', 'SEG'],
      ['SEG', 'SEG-001'],
    ],
    [['explain', 't', 'SEG-00'], ['SEG-001']],
    [['explain', 't', 'l'], ['last']],
    [['policies', 'segments.x'], ['segments.xen']],
    [['info', 'some'], []],
    [['nosuch', ''], []],
  ] as const)('%j', (words, expected) => {
    const found = completions(verbs, words);
    if (expected.length === 0) expect(found).toEqual([]);
    else expect(found.slice(0, expected.length)).toEqual(expected);
  });

  it('know every verb, flag, scenario and rule', () => {
    const names = verbs.map(({ usage }) => usage.split(' ')[0]!);
    expect(completions(verbs, [''])).toEqual([...names, 'help']);
    for (const verb of verbs) {
      const found = completions(verbs, [verb.usage.split(' ')[0]!, '-']);
      for (const [flags] of verb.options) expect(found.some((word) => flags.includes(word))).toBe(true);
    }
    expect(completions(verbs, ['record', ''])).toEqual(scenarios.map(({ name }) => name));
    expect(completions(verbs, ['rules', ''])).toEqual(expect.arrayContaining(rules.map(({ code }) => code)));
  });

  it('leave out what is given and may be given once', () => {
    const found = completions(verbs, ['record', 'x', '--seed', '1', '--policy', 'iommu=off', '--']);
    expect(found).toContain('--policy');
    expect(found).not.toContain('--seed');
  });

  it('refuse a shell that is none', async () => {
    const { code, err } = await xpr(['completion', 'bsh']);
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/^xpr: CLI-017: no shell bsh\n.*did you mean bash/),
    ]);
  });
});

describe('shells', () => {
  let built: Built;
  beforeAll(() => {
    built = buildCommand();
    const command = join(built.folder, 'xpr');
    writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${built.main}" "$@"\n`);
    chmodSync(command, 0o755);
  });
  const inShell = (shell: string, args: readonly string[], input = '') => {
    const path = `${built.folder}:${process.env['PATH'] ?? ''}`;
    const ran = spawnSync(shell, args, { encoding: 'utf8', input, env: { ...process.env, PATH: path } });
    return { status: ran.status, out: ran.stdout, err: ran.stderr };
  };

  /** What bash offers for a line; readline's way of parting words is bash's own. */
  it.each([
    [['xpr', 'recor'], ['record']],
    [['xpr', 'record', 'two-bridges-agr'], ['two-bridges-agreed']],
    [
      ['xpr', 'record', 'x', '--policy', 'iommu', '=', ''],
      ['on', 'off'],
    ],
    [['xpr', 'record', 'x', '--policy', 'iommu', '=', 'of'], ['off']],
    [['xpr', 'record', 'x', '--policy', 'segments.dom0', '=', 'firm'], ['firmware']],
    [['xpr', 'info', ''], []],
  ] as const)('bash: %j', async (words, expected) => {
    const script = (await good(['completion', 'bash'])).out;
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const { out, err } = inShell(
      'bash',
      ['--norc', '-s'],
      `${script}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _xpr; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
    expect([out.split('\n').filter((line) => line !== ''), err]).toEqual([expected, '']);
  });

  it.each(['bash', 'zsh', 'fish'])('%s reads its script', async (shell) => {
    if (inShell(shell, ['--version']).status !== 0) {
      if (process.env['CI'] === 'true') throw new Error(`${shell} is not installed`);
      console.warn(`completion in ${shell}: skipped, it is not installed`);
      return;
    }
    const script = (await good(['completion', shell])).out;
    writeFileSync(join(built.folder, 'script'), script);
    expect(inShell(shell, ['-n', join(built.folder, 'script')])).toEqual({ status: 0, out: '', err: '' });
  });

  it('fish offers what xpr says', async () => {
    if (inShell('fish', ['--version']).status !== 0) return;
    writeFileSync(join(built.folder, 'script'), (await good(['completion', 'fish'])).out);
    const { out } = inShell('fish', [
      '-c',
      `source ${join(built.folder, 'script')}; complete -C 'xpr record two-bridges-agr'`,
    ]);
    expect(out.split('\n')).toContain('two-bridges-agreed');
  });
});
