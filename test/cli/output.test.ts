import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../src/cli/run.js';
import { ecamBridge, flatten, rootOf } from '../platform/fdt-builder.js';
import { buildCommand } from './built.js';
import { unprivate } from './private-mount.js';
import { good, xpr } from './xpr.js';

const { folder, main } = buildCommand();
const at = (name: string): string => join(folder, name);

/** Runs the command as a process. @param stdio Standard input, output and a third descriptor of the child. */
const run = (args: readonly string[], stdio: readonly (number | 'pipe')[] = ['pipe', 'pipe', 'pipe']) =>
  spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8', stdio: [...stdio] });

/** Every file of the folder with its content, links as where they lead. */
const everyFile = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => !lstatSync(at(name)).isDirectory() && !lstatSync(at(name)).isFIFO())
      .map((name) => [
        name,
        lstatSync(at(name)).isSymbolicLink()
          ? `-> ${readlinkSync(at(name))}`
          : readFileSync(at(name)).toString('base64'),
      ]),
  );

beforeAll(async () => {
  await good(['record', 'two-bridges-swapped', '-o', at('t.xpr')]);
  await good(['export', at('t.xpr'), '--to', 'ndjson', '-o', at('t.ndjson')]);
  writeFileSync(at('m.dtb'), flatten(rootOf([ecamBridge(0xa0000000), ecamBridge(0xb0000000)])));
  for (const name of ['t.xpr', 't.ndjson', 'm.dtb']) {
    symlinkSync(name, at(`soft-${name}`));
    symlinkSync(`soft-${name}`, at(`softer-${name}`));
    linkSync(at(name), at(`hard-${name}`));
  }
  mkdirSync(at('sub'));
  symlinkSync('.', at('here'));
}, 120_000);

/** Verbs that read one file and write another: the file they read, and the command for an output. */
const writers: readonly (readonly [
  name: string,
  input: string,
  args: (output: string) => readonly string[],
])[] = [
  ['import', 't.ndjson', (output) => ['import', at('t.ndjson'), '-o', output]],
  [
    'record --dtb',
    'm.dtb',
    (output) => ['record', 'two-bridges-swapped', '--dtb', at('m.dtb'), '-o', output],
  ],
  ['export', 't.xpr', (output) => ['export', at('t.xpr'), '--to', 'ndjson', '-o', output]],
  [
    'what-if',
    't.xpr',
    (output) => ['what-if', at('t.xpr'), '--policy', 'segments.xen=told-by-dom0', '-o', output],
  ],
  ['check --junit', 't.xpr', (output) => ['check', at('t.xpr'), '--junit', output]],
  ['check --sarif', 't.xpr', (output) => ['check', at('t.xpr'), '--sarif', output]],
  ['fsck --repair', 't.xpr', (output) => ['fsck', at('t.xpr'), '--repair', output]],
];

describe('an output that is an input', () => {
  it.each(writers)('%s refuses it by every name, --force or not', async (_name, input, args) => {
    const before = everyFile();
    for (const name of [
      input,
      `sub/../${input}`,
      `.//${input}`,
      `here/${input}`,
      `soft-${input}`,
      `softer-${input}`,
      `hard-${input}`,
    ]) {
      for (const more of [[], ['--force']]) {
        const { code, err } = await xpr([...args(`${folder}/${name}`), ...more]);
        expect([name, code, err]).toEqual([name, 2, expect.stringMatching(/^xpr: OUT-001: /)]);
      }
    }
    expect(run(args(input)).status).toBe(2);
    expect(everyFile()).toEqual(before);
  });

  it.each(['/dev/stdin', '/dev/fd/0', '/proc/self/fd/0', '/proc/thread-self/fd/0', 't.ndjson'])(
    'is seen behind standard input too: %s',
    (output) => {
      const before = everyFile();
      const handle = openSync(at('t.ndjson'), 'r+');
      const { status, stderr } = run(['import', '-', '-o', output], [handle, 'pipe', 'pipe']);
      expect([status, stderr]).toEqual([2, expect.stringMatching(/^xpr: OUT-001: /)]);
      expect(everyFile()).toEqual(before);
    },
  );

  it('is seen behind standard output too', () => {
    const before = everyFile();
    const handle = openSync(at('t.xpr'), 'a');
    for (const output of ['-', '/dev/stdout', '/proc/self/fd/1']) {
      const { status } = run(['export', 't.xpr', '--to', 'ndjson', '-o', output], ['pipe', handle, 'pipe']);
      expect([output, status]).toEqual([output, 2]);
    }
    expect(everyFile()).toEqual(before);
  });

  it('is seen among two reports', () => {
    symlinkSync('both.xml', at('link-to-both'));
    for (const [one, other] of [
      ['both.xml', './both.xml'],
      ['both.xml', 'link-to-both'],
      ['-', '/dev/stdout'],
      ['-', '-'],
    ] as const) {
      const { status, stderr } = run(['check', 't.xpr', '--junit', one, '--sarif', other]);
      expect([one, other, status, stderr]).toEqual([one, other, 2, expect.stringMatching(/OUT-004/)]);
    }
    expect(existsSync(at('both.xml'))).toBe(false);
  });
});

describe('an output that is no regular file', () => {
  it('keeps a link and writes what it leads to', () => {
    symlinkSync('sub/dangling.xpr', at('link.xpr'));
    expect(run(['record', 'two-bridges-agreed', '-o', 'link.xpr']).status).toBe(0);
    expect(run(['record', 'two-bridges-swapped', '-o', 'link.xpr']).status).toBe(0);
    expect(readlinkSync(at('link.xpr'))).toBe('sub/dangling.xpr');
    expect(run(['info', 'sub/dangling.xpr']).stdout).toContain('two-bridges-swapped');
    expect(readdirSync(at('sub'))).toEqual(['dangling.xpr']);
  });

  it('writes through a named pipe', async () => {
    spawnSync('mkfifo', [at('pipe')]);
    const reader = spawn('cat', [at('pipe')]);
    const parts: Buffer[] = [];
    reader.stdout.on('data', (part) => parts.push(part));
    const ended = new Promise((done) => reader.on('close', done));
    expect(run(['record', 'two-bridges-swapped', '-o', 'pipe']).status).toBe(0);
    await ended;
    expect(Buffer.concat(parts).equals(readFileSync(at('t.xpr')))).toBe(true);
    expect(statSync(at('pipe')).isFIFO()).toBe(true);
  });

  it('does not wait for ever for somebody to read a pipe, or to write into one', () => {
    const written = run(['record', 'two-bridges-swapped', '-o', 'pipe']);
    expect([written.status, written.stderr]).toEqual([2, expect.stringMatching(/OUT-006/)]);
    const read = run(['show', 'pipe']);
    expect([read.status, read.stderr]).toEqual([2, expect.stringMatching(/LOG-001/)]);
    expect(statSync(at('pipe')).isFIFO()).toBe(true);
  });

  it('reads what a pipe gives', () => {
    for (const script of [
      'cat t.xpr | "$0" "$1" info /dev/stdin --json',
      '"$0" "$1" info <(cat t.xpr) --json',
      'cat t.xpr >pipe & "$0" "$1" info pipe --json',
    ]) {
      const { status, stdout } = spawnSync('bash', ['-c', script, process.execPath, main], {
        cwd: folder,
        encoding: 'utf8',
      });
      expect([script, status, stdout]).toEqual([script, 0, run(['info', 't.xpr', '--json']).stdout]);
    }
  });

  it('takes /dev/stdout for standard output', () => {
    const { status, stdout, stderr } = run(['export', 't.xpr', '--to', 'ndjson', '-o', '/dev/stdout']);
    expect([status, stdout, stderr]).toEqual([0, readFileSync(at('t.ndjson'), 'utf8'), '']);
  });

  it('says that a device is full, and leaves it there', async () => {
    for (const [, , args] of writers) {
      const { code, err } = await xpr(args('/dev/full'));
      expect([code, err]).toEqual([2, expect.stringMatching(/^xpr: IO-001: ENOSPC/)]);
    }
    expect(statSync('/dev/full').isCharacterDevice()).toBe(true);
  });

  it.skipIf(unprivate !== null)('never replaces a device node', () => {
    const script = `mkdir -p mnt && mount -t tmpfs tmpfs mnt && mknod mnt/null c 1 3 &&
      "$0" "$1" record two-bridges-swapped -o mnt/null && "$0" "$1" check t.xpr --junit mnt/null && stat -c %F mnt/*`;
    const { stdout } = spawnSync('unshare', ['-m', 'sh', '-c', script, process.execPath, main], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('character special file');
  });

  it('keeps binary from a terminal, by whatever name', async () => {
    const onTerminal = async (args: readonly string[]) => {
      let err = '';
      const code = await runCommand(args, {
        out: () => {},
        err: (text) => {
          err += text;
        },
        input: () => new Uint8Array(),
        outIsTerminal: true,
        errIsTerminal: false,
      });
      return [code, /OUT-003/.test(err)];
    };
    for (const output of ['-', '/dev/stdout', '/dev/fd/1']) {
      expect(await onTerminal(['record', 'two-bridges-swapped', '-o', output])).toEqual([2, true]);
    }
    expect(await onTerminal(['export', at('t.xpr'), '--to', 'ndjson', '-o', '-'])).toEqual([0, false]);
  });
});

describe('a file in the way of an output', () => {
  it.each(writers)('%s: stays unless --force is given', async (_name, _input, args) => {
    const notes = at('notes.txt');
    writeFileSync(notes, 'dear diary');
    const refused = await xpr(args(notes));
    expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/OUT-002.*\n.*--force/)]);
    expect(readFileSync(notes, 'utf8')).toBe('dear diary');
    expect((await xpr([...args(notes), '--force'])).code).toBeLessThan(2);
    expect(readFileSync(notes, 'utf8')).not.toContain('diary');
    // What the verb wrote itself it replaces without being asked, and nothing is lost with an empty file.
    expect((await xpr(args(notes))).code).toBeLessThan(2);
    writeFileSync(notes, '');
    expect((await xpr(args(notes))).code).toBeLessThan(2);
  });

  it('stays when it is write-protected', () => {
    writeFileSync(at('kept.xpr'), readFileSync(at('t.xpr')));
    chmodSync(at('kept.xpr'), 0o444);
    const { status, stderr } = run(['record', 'two-bridges-agreed', '-o', 'kept.xpr']);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/OUT-002/)]);
    expect(readFileSync(at('kept.xpr')).equals(readFileSync(at('t.xpr')))).toBe(true);
  });

  it('keeps its mode when it is replaced', () => {
    writeFileSync(at('private.xpr'), '');
    chmodSync(at('private.xpr'), 0o600);
    expect(run(['record', 'two-bridges-agreed', '-o', 'private.xpr']).status).toBe(0);
    expect(statSync(at('private.xpr')).mode & 0o777).toBe(0o600);
  });

  it('is never the partial file of somebody else', () => {
    writeFileSync(at('p.xpr.part'), 'mine');
    writeFileSync(at('victim'), 'mine too');
    symlinkSync('victim', at('q.xpr.part'));
    for (const name of ['p.xpr', 'q.xpr']) {
      expect(run(['record', 'two-bridges-agreed', '-o', name]).status).toBe(0);
    }
    expect(readFileSync(at('p.xpr.part'), 'utf8')).toBe('mine');
    expect([readlinkSync(at('q.xpr.part')), readFileSync(at('victim'), 'utf8')]).toEqual([
      'victim',
      'mine too',
    ]);
    expect(readdirSync(folder).filter((name) => /[pq]\.xpr\.\d+\.part/.test(name))).toEqual([]);
  });

  it('refuses a folder', () => {
    const { status, stderr } = run(['record', 'two-bridges-agreed', '-o', 'sub']);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/OUT-005/)]);
  });
});

describe('a file being written', () => {
  it('is whole whoever else writes it', async () => {
    const writer = () =>
      new Promise((done) => {
        const args = [main, 'record', 'guest-boot-1000', '-o', 'shared.xpr'];
        spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' }).on('close', done);
      });
    expect(await Promise.all([writer(), writer(), writer()])).toEqual([0, 0, 0]);
    expect(run(['fsck', 'shared.xpr']).status).toBe(0);
    expect(readdirSync(folder).filter((name) => name.startsWith('shared.xpr'))).toEqual(['shared.xpr']);
  });

  it.each([
    ['record', 'SIGINT', ['record', 'guest-boot-1000', '-o', 'stopped.xpr']],
    ['what-if', 'SIGINT', ['what-if', 'shared.xpr', '--policy', 'iommu=off', '-o', 'stopped.xpr']],
    ['import', 'SIGINT', ['import', 'long.ndjson', '-o', 'stopped.xpr']],
    ['what-if', 'SIGTERM', ['what-if', 'shared.xpr', '--policy', 'iommu=off', '-o', 'stopped.xpr']],
    ['import', 'SIGHUP', ['import', 'long.ndjson', '-o', 'stopped.xpr']],
    ['export', 'SIGTERM', ['export', 'shared.xpr', '--to', 'ndjson', '-o', 'stopped.xpr']],
  ] as const)('of %s is gone after %s', async (_name, signal, args) => {
    if (args[0] === 'import' && !existsSync(at('long.ndjson'))) {
      run(['export', 'shared.xpr', '--to', 'ndjson', '-o', 'long.ndjson']);
    }
    const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: 'ignore' });
    const ended = new Promise((done) => child.on('close', (code, signal) => done([code, signal])));
    while (!existsSync(at('stopped.xpr.part')) && child.exitCode === null) {
      await new Promise((turn) => setTimeout(turn, 1));
    }
    child.kill(signal);
    expect(await ended).toEqual([null, signal]);
    expect(readdirSync(folder).filter((name) => name.startsWith('stopped.xpr'))).toEqual([]);
  });

  it('is gone when Ctrl-C comes as it is made', async () => {
    const slowly = `import fs from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      const open = fs.openSync;
      const wait = (until) => { while (process.hrtime.bigint() < until); };
      fs.openSync = (path, ...rest) => {
        const descriptor = open(path, ...rest);
        if (path.endsWith('made.xpr.part')) wait(process.hrtime.bigint() + 5_000_000_000n);
        return descriptor;
      };
      syncBuiltinESMExports();`;
    const args = ['--import', `data:text/javascript,${encodeURIComponent(slowly)}`, main];
    const child = spawn(process.execPath, [...args, 'record', 'two-bridges-agreed', '-o', 'made.xpr'], {
      cwd: folder,
      stdio: 'ignore',
    });
    const ended = new Promise((done) => child.on('close', (code, signal) => done([code, signal])));
    while (!existsSync(at('made.xpr.part')) && child.exitCode === null) {
      await new Promise((turn) => setTimeout(turn, 1));
    }
    child.kill('SIGINT');
    expect(await ended).toEqual([null, 'SIGINT']);
    expect(readdirSync(folder).filter((name) => name.startsWith('made.xpr'))).toEqual([]);
  });

  it.skipIf(unprivate !== null)('is gone when the disk is full', () => {
    const script = `mkdir -p mnt && mount -t tmpfs -o size=64k tmpfs mnt && echo keep >mnt/keep
      for verb in "record guest-boot-1000 -o mnt/x" "import long.ndjson -o mnt/x" "export shared.xpr --to ndjson -o mnt/x" \\
        "what-if shared.xpr --policy iommu=off -o mnt/x" "fsck shared.xpr --repair mnt/x"
      do "$0" "$1" $verb 2>err; echo $? $(grep -o "IO-001: ENOSPC" err) $(ls mnt); done`;
    const { stdout } = spawnSync('unshare', ['-m', 'sh', '-c', script, process.execPath, main], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(stdout.trimEnd().split('\n')).toEqual(Array(5).fill('2 IO-001: ENOSPC keep'));
  });

  it('is not there when the command fails in the middle', async () => {
    const lines = readFileSync(at('t.ndjson'), 'utf8').split('\n');
    writeFileSync(at('spoilt.ndjson'), [...lines.slice(0, 40), 'junk'].join('\n'));
    const { code, err } = await xpr(['import', at('spoilt.ndjson'), '-o', at('spoilt.xpr')]);
    expect([code, err]).toEqual([2, expect.stringMatching(/NDJ-001/)]);
    expect(readdirSync(folder).filter((name) => name.startsWith('spoilt.xpr'))).toEqual([]);
  });
});
