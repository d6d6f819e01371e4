import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { good } from '../cli/xpr.js';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'xpr-package-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What another program does with the package, once as JavaScript and once as TypeScript. */
const program = (types: boolean): string => `
import { diff, findings, importFiles, openFile, release, replay, Trouble, whatIf } from 'xen-pci-replay';
${types ? "import type { EventOf, Finding } from 'xen-pci-replay';" : ''}

const trace = openFile(process.argv[2]${types ? '!' : ''});
const asked${types ? ": EventOf<'config.requested'>[]" : ''} = [];
for (const event of trace.read()) if (event.kind === 'config.requested') asked.push(event);
const kept${types ? ': readonly Finding[]' : ''} = findings(trace).kept;
const { matched, mismatched } = replay(trace);
const imported = await importFiles([process.argv[3]${types ? '!' : ''}], 'imported.xpr');
const again = openFile('imported.xpr');
let code = '';
try {
  openFile('package.json');
} catch (error) {
  code = error instanceof Trouble ? error.code : 'none';
}
console.log(JSON.stringify({
  release, digest: trace.digest, asked: asked.length, registers: new Set(asked.map(({ data }) => data.reg)).size,
  rules: [...new Set(kept.map(({ rule }) => rule))], matched, mismatched,
  imported: imported.digest === trace.digest, equal: diff(trace, again).equal,
  changed: whatIf(trace, { policies: { 'segments.xen': 'told-by-dom0' } }).changed > 0, code,
}));
again.close();
trace.close();
`;

const run = (command: string, args: readonly string[], cwd: string): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
};

describe('the packed tarball in an empty folder', () => {
  const traces = [join(folder, 't.xpr'), join(folder, 't.ndjson')];
  const user = join(folder, 'user');

  beforeAll(async () => {
    const checkout = join(folder, 'checkout');
    mkdirSync(checkout);
    for (const name of ['package.json', 'README.md', 'LICENSE', 'docs', 'traces/recordings'])
      cpSync(join(root, name), join(checkout, name), { recursive: true });
    const compiled = join(checkout, 'dist');
    run(
      process.execPath,
      [
        join(root, 'node_modules/typescript/bin/tsc'),
        ...[
          '-p',
          join(root, 'tsconfig.build.json'),
          '--outDir',
          compiled,
          '--sourceMap',
          'false',
          '--noCheck',
        ],
      ],
      root,
    );
    run('npm', ['pack', '--ignore-scripts', '--offline', '--pack-destination', folder], checkout);
    mkdirSync(join(user, 'node_modules'), { recursive: true });
    writeFileSync(join(user, 'package.json'), '{ "type": "module" }');
    // Unpacked as npm does; what it needs is taken from where npm ci put it, so that no registry is asked.
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
    run('tar', ['xzf', join(folder, tarball)], folder);
    cpSync(join(folder, 'package'), join(user, 'node_modules/xen-pci-replay'), { recursive: true });
    const { dependencies } = JSON.parse(
      run('node', ['-p', 'JSON.stringify(require("./package.json"))'], checkout),
    ) as {
      dependencies: Record<string, string>;
    };
    for (const name of [...Object.keys(dependencies), 'tslib'])
      cpSync(join(root, 'node_modules', name), join(user, 'node_modules', name), { recursive: true });
    await good(['record', 'two-bridges-swapped', '-o', traces[0]!]);
    await good(['export', traces[0]!, '--to', 'ndjson', '-o', traces[1]!]);
  }, 400_000);

  const expected = {
    mismatched: 0,
    imported: true,
    equal: true,
    changed: true,
    code: 'LOG-001',
    rules: expect.arrayContaining(['SEG-001']),
  };

  it('is used from JavaScript', { timeout: 400_000 }, () => {
    writeFileSync(join(user, 'use.mjs'), program(false));
    expect(JSON.parse(run(process.execPath, ['use.mjs', ...traces], user))).toMatchObject(expected);
  });

  it('is used from TypeScript, whose compiler knows what an event holds', { timeout: 400_000 }, () => {
    writeFileSync(join(user, 'use.ts'), program(true));
    const settings = [
      '--strict',
      '--target',
      'ES2022',
      '--module',
      'NodeNext',
      '--types',
      'node',
      '--typeRoots',
    ];
    const compile = (file: string): string =>
      run(
        process.execPath,
        [join(root, 'node_modules/typescript/bin/tsc'), file, ...settings, join(root, 'node_modules/@types')],
        user,
      );
    compile('use.ts');
    expect(JSON.parse(run(process.execPath, ['use.js', ...traces], user))).toMatchObject(expected);
    writeFileSync(join(user, 'wrong.ts'), program(true).replace('data.reg', 'data.registre'));
    expect(() => compile('wrong.ts')).toThrow('registre');
  });

  it('runs as a command, and holds no test and no source map', { timeout: 400_000 }, () => {
    const installed = join(user, 'node_modules/xen-pci-replay');
    const main = join(installed, 'dist/src/cli/main.js');
    expect(run(process.execPath, [main, 'info', traces[0]!], user)).toContain('two-bridges-swapped');
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => name.endsWith('.map') || name.startsWith('dist/test'))).toEqual([]);
    expect(existsSync(join(installed, 'dist/src/api/index.d.ts'))).toBe(true);
  });
});
