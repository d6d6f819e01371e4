import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ecamBridge, flatten, rootOf } from '../platform/fdt-builder.js';
import { buildCommand } from './built.js';
import { unprivate } from './private-mount.js';
import { good } from './xpr.js';

/** The command, and a main that says how much memory it took. */
const built = buildCommand();
const measured = join(built.folder, 'src/cli/measured.js');
writeFileSync(
  measured,
  `import { writeSync } from 'node:fs';
import { processConsole } from './io.js';
import { runCommand } from './run.js';
process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS)));
process.exitCode = await runCommand(process.argv.slice(2), processConsole);
`,
);
const folder = join(built.folder, 'bad');
const at = (name: string): string => join(folder, name);

/** Peak memory of any call. */
const MEMORY_KIB = 300 << 10;
/** A call that does not end is ended; nothing is measured by it. */
const PATIENCE_MS = 120_000;

interface Call {
  readonly args: readonly string[];
  /** Exit codes that are right. */
  readonly codes: readonly number[];
  /** What standard error or output must hold; a coded error unless given. */
  readonly says?: RegExp;
  /** What standard output is: read to its end, closed before the first byte, or a full device. */
  readonly out?: 'read' | 'closed' | 'full';
  readonly mayWrite?: boolean;
}

const CODED = /^xpr: [A-Z]+-\d{3}: [^\n]+\n( {2}hint: [^\n]+\n)?$/;
const ESCAPES = 'x\u001b[2J\nFORGED\u009b\u202e';

/** Names of things no trace or artefact can be read from. */
const badInputs: readonly (readonly [what: string, name: string])[] = [
  ['missing', 'missing.xpr'],
  ['a folder', 'folder'],
  ['empty', 'empty'],
  ['binary', 'binary'],
  ['text', 'text'],
  ['cut', 'cut.xpr'],
  ['cut in the header', 'stump.xpr'],
  ['a pipe nobody writes into', 'pipe'],
  ['a device', '/dev/null'],
  ['a device without an end', '/dev/zero'],
  ['a circle of links', 'circle'],
  ['below a file', 'text/t.xpr'],
  ['a name with escapes', ESCAPES],
  ['a name too long', 'n'.repeat(300)],
  ['nothing', ''],
];

/** Verbs that read a trace, with their other arguments. */
const readers: readonly ((file: string) => readonly string[])[] = [
  (file) => ['info', file],
  (file) => ['show', file],
  (file) => ['explain', file, '0'],
  (file) => ['state', file],
  (file) => ['replay', file],
  (file) => ['findings', file],
  (file) => ['what-if', file, '--policy', 'iommu=off'],
  (file) => ['what-if', file, '--policy', 'iommu=off', '-o', 'out/w.xpr'],
  (file) => ['diff', file, 't.xpr'],
  (file) => ['diff', 't.xpr', file],
  (file) => ['export', file, '--to', 'ndjson', '-o', 'out/e.ndjson'],
];

/** Verbs that write, by where they write. */
const writers: readonly ((file: string) => readonly string[])[] = [
  (file) => ['record', 'two-bridges-swapped', '-o', file],
  (file) => ['record', 'two-bridges-swapped', '--dtb', 'm.dtb', '-o', file],
  (file) => ['import', 't.ndjson', '-o', file],
  (file) => ['export', 't.xpr', '--to', 'ndjson', '-o', file],
  (file) => ['what-if', 't.xpr', '--policy', 'segments.xen=told-by-dom0', '-o', file],
  (file) => ['fsck', 'cut.xpr', '--repair', file],
  (file) => ['check', 't.xpr', '--junit', file],
  (file) => ['check', 't.xpr', '--sarif', file],
];

const badOutputs: readonly (readonly [what: string, name: string])[] = [
  ['below nothing', 'none/x'],
  ['below a file', 'text/x'],
  ['a folder', 'folder'],
  ['another file', 'text'],
  ['read-only', 'kept'],
  ['a full device', '/dev/full'],
  ['a pipe nobody reads', 'unread'],
  ['a circle of links', 'circle'],
  ['a name with escapes', `${ESCAPES}/none/x`],
  ['a name too long', 'n'.repeat(300)],
  ['nothing', ''],
];

/** Inputs that every verb is given. */
const USUAL = 7;

const calls: Call[] = [
  ...badInputs.flatMap(([, name], i) => [
    // The usual ones with every verb, the others with some: a verb opens all of them alike.
    ...readers
      .filter((_args, verb) => i < USUAL || verb % 4 === i % 4)
      .map((args) => ({ args: args(name), codes: [2] })),
    { args: ['import', name, '-o', 'out/i.xpr'], codes: [2] },
    { args: ['record', 'two-bridges-swapped', '--dtb', name, '-o', 'out/r.xpr'], codes: [2] },
    // Damage is what fsck is there for.
    ...(name === 'cut.xpr' || name === 'stump.xpr'
      ? [{ args: ['fsck', name], codes: [1], says: /damaged: / }]
      : [{ args: ['fsck', name], codes: [2] }]),
    // One bad trace of a corpus is a result of its own.
    ...(['missing.xpr', 'circle', 'text/t.xpr', 'folder', ESCAPES, '', 'n'.repeat(300)].includes(name)
      ? [{ args: ['check', name], codes: [2] }]
      : [
          { args: ['check', 't.xpr', name], codes: [2], says: /2 traces: 1 same, 0 different, 1 in trouble/ },
        ]),
  ]),
  ...badOutputs.flatMap(([, name]) => writers.map((args) => ({ args: args(name), codes: [2] }))),
  // Equal to the input, by another name too.
  ...['t.ndjson', './t.ndjson', 'soft', 'hard'].map((name) => ({
    args: ['import', 't.ndjson', '-o', name, '--force'],
    codes: [2],
    says: /OUT-001/,
  })),
  // Nobody reads, or nobody can: the verdict stays.
  ...(
    [
      [['show', 't.xpr'], 0],
      [['info', 't.xpr'], 0],
      [['state', 't.xpr'], 0],
      [['scenarios'], 0],
      [['rules'], 0],
      [['--help'], 0],
      [['record', 'two-bridges-swapped', '-o', '-'], 0],
      [['export', 't.xpr', '--to', 'ndjson', '-o', '-'], 0],
    ] as const
  ).flatMap(([args, code]) => [
    { args, codes: [code], says: /^$/, out: 'closed' as const },
    { args, codes: [2], says: /^xpr: IO-001: ENOSPC/, out: 'full' as const },
    { args: [...args, '--json'], codes: [2], says: /ENOSPC|CLI-0/, out: 'full' as const },
  ]),
];

beforeAll(async () => {
  mkdirSync(folder);
  for (const name of ['folder', 'out']) mkdirSync(at(name));
  await good(['record', 'two-bridges-swapped', '-o', at('t.xpr')]);
  await good(['export', at('t.xpr'), '--to', 'ndjson', '-o', at('t.ndjson')]);
  const whole = readFileSync(at('t.xpr'));
  writeFileSync(at('cut.xpr'), whole.subarray(0, whole.length - 200));
  writeFileSync(at('stump.xpr'), whole.subarray(0, 60));
  writeFileSync(at('empty'), '');
  writeFileSync(
    at('binary'),
    Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * 7 + (i >> 3)) & 0xff)),
  );
  writeFileSync(at('text'), 'no trace, a text\n'.repeat(20));
  writeFileSync(at('kept'), 'kept');
  chmodSync(at('kept'), 0o444);
  writeFileSync(at('m.dtb'), flatten(rootOf([ecamBridge(0xa0000000), ecamBridge(0xb0000000)])));
  symlinkSync('circle', at('circle'));
  symlinkSync('t.ndjson', at('soft'));
  linkSync(at('t.ndjson'), at('hard'));
  // Two: one call may wait for what the other opens.
  spawnSync('mkfifo', [at('pipe'), at('unread')]);
});

/** Everything in the folder: kind, mode, content. */
function everything(): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const stat = lstatSync(at(name));
      const content = stat.isFile()
        ? createHash('sha256')
            .update(readFileSync(at(name)))
            .digest('hex')
        : stat.isSymbolicLink()
          ? readlinkSync(at(name))
          : '';
      return `${name} ${stat.mode.toString(8)} ${content}`;
    });
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly kib: number;
}

function ended(child: ChildProcess): Promise<Ended> {
  const texts = ['', '', '', ''];
  for (const number of [1, 2, 3] as const) {
    child.stdio[number]?.on('data', (part) => {
      texts[number] += String(part);
    });
  }
  const guard = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  return new Promise((done) =>
    child.on('close', (code) => {
      clearTimeout(guard);
      done({ code, out: texts[1]!, err: texts[2]!, kib: Number(texts[3]) });
    }),
  );
}

async function make({ args, out = 'read' }: Call): Promise<Ended> {
  const full = out === 'full' ? openSync('/dev/full', 'w') : null;
  const child = spawn(process.execPath, [measured, ...args], {
    cwd: folder,
    stdio: ['ignore', full ?? 'pipe', 'pipe', 'pipe'],
  });
  if (full !== null) closeSync(full);
  if (out === 'closed') child.stdout?.destroy();
  return ended(child);
}

/** Calls at once; those that wait for a pipe take no time of others. */
const LANES = 4;

async function all(list: readonly Call[]): Promise<Ended[]> {
  const results: Ended[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < list.length) {
      const number = next++;
      results[number] = await make(list[number]!);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return results;
}

describe(`${calls.length} bad calls`, () => {
  it('end with a coded error or a right answer, little memory, and every file as it was', async () => {
    expect(calls.length).toBeGreaterThanOrEqual(200);
    const before = everything();
    const results = await all(calls);
    const wrong = results.flatMap(({ code, out, err, kib }, i) => {
      const { args, codes, says = CODED } = calls[i]!;
      const faults = [
        ...(code !== null && codes.includes(code) ? [] : [`exit ${code}`]),
        ...(says.test(err) || (says !== CODED && says.test(out + err))
          ? []
          : [`says ${JSON.stringify(err + out)}`]),
        ...(kib > 0 && kib < MEMORY_KIB ? [] : [`took ${kib} KiB`]),
        ...(/BUG|^FORGED/m.test(err + out) ? ['a bug or a forged line'] : []),
      ];
      return faults.length === 0 ? [] : [`${JSON.stringify(args)}: ${faults.join(', ').slice(0, 400)}`];
    });
    expect(wrong).toEqual([]);
    expect(everything()).toEqual(before);
  }, 600_000);

  it.skipIf(unprivate !== null)(
    'leave a device node, a full and a read-only disk as they are',
    () => {
      const script = `mkdir -p mnt && mount -t tmpfs -o size=64k tmpfs mnt && cd mnt && mknod null c 1 3 && cp ../text full
      head -c 60000 /dev/zero >filler; ls -l >../before
      for call in "record two-bridges-swapped -o x" "import ../t.ndjson -o x" "export ../t.xpr --to ndjson -o x" \\
        "what-if ../t.xpr --policy iommu=off -o x" "fsck ../cut.xpr --repair x" "check ../t.xpr --junit x --sarif y"
      do "$0" "$1" $call >/dev/null 2>../err; echo "full $? $(grep -c ENOSPC ../err)"; done
      ls -l >../after; cmp ../before ../after && echo same
      for call in "record two-bridges-swapped -o null" "export ../t.xpr --to ndjson -o null" "check ../t.xpr --junit null"
      do "$0" "$1" $call 2>/dev/null >/dev/null; echo "null $? $(stat -c %F null)"; done
      for call in "show null" "import null -o ../out/x" "fsck null"
      do "$0" "$1" $call 2>/dev/null >/dev/null; echo "read $?"; done
      rm filler; mount -o remount,ro mnt 2>/dev/null || mount -o remount,ro . 
      "$0" "$1" record two-bridges-swapped -o x 2>../err; echo "ro $? $(grep -c EROFS ../err)"; rm ../err ../before ../after`;
      const { stdout } = spawnSync('unshare', ['-m', 'sh', '-c', script, process.execPath, built.main], {
        cwd: folder,
        encoding: 'utf8',
      });
      expect(stdout.trimEnd().split('\n')).toEqual([
        ...Array(6).fill('full 2 1'),
        'same',
        ...Array(3).fill('null 0 character special file'),
        ...Array(3).fill('read 2'),
        'ro 2 1',
      ]);
    },
    600_000,
  );
});
