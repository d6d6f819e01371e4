import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import type { Prng } from '../../../src/base/prng.js';
import { verbs } from '../../../src/cli/verbs.js';
import { expression, policy, position } from '../foreign.js';
import { edgeTexts } from '../mutate/numbers.js';
import { misspelt } from '../mutate/text.js';
import type { TortureClass } from '../torture-class.js';
import { commandFault } from '../verdict.js';
import type { Workshop } from '../workshop.js';

/** Names of what stands in the folder, and of what does not. */
const names = {
  traces: ['good.xpr', 'other.xpr', 'link.xpr'],
  broken: [
    'torn.xpr',
    'empty',
    'noise.bin',
    'locked.txt',
    'nowhere.xpr',
    'astray.xpr',
    'folder',
    'a\u001b[2Jb.xpr',
    'text.log',
  ],
  new: ['new.xpr', 'new.txt', 'folder/new.xpr', 'nowhere/new.xpr', 'a b\u202e.xpr', '-n.xpr'],
  devices: ['/dev/null', '/dev/full', '-'],
} as const;
const existing = [...names.traces, ...names.broken];

/** Options whose value is a file that is written. */
const outputs = new Set(['-o', '--output', '--junit', '--sarif', '--repair', '--out']);

export const badArguments: TortureClass = {
  name: 'arguments',
  doc: 'wrong, strange and contradicting command lines, filters, positions and files',
  prepare(prng, workshop) {
    const line = commandLine(prng);
    const fifo = prng.below(60) === 0;
    const input = prng.below(3);
    return {
      about: `xpr ${line.args.map((word) => JSON.stringify(word)).join(' ')}`,
      inputs: {},
      run: async () => {
        furnish(workshop, fifo);
        const before = workshop.files();
        const piped =
          input === 0 ? before.get('good.xpr') : input === 1 ? before.get('noise.bin') : Buffer.alloc(0);
        const ran = await workshop.xpr(line.args, new Uint8Array(piped!));
        return commandFault(ran) ?? changedFault(workshop, before, line, ran.code);
      },
    };
  },
};

interface Line {
  readonly args: readonly string[];
  readonly reads: readonly string[];
  readonly writes: readonly string[];
}

function commandLine(prng: Prng): Line {
  const verb = prng.pick(verbs);
  const [name, ...places] = verb.usage.split(' ');
  const args: string[] = [prng.below(30) === 0 ? prng.pick(['', 'constructor', `${name}x`, '--']) : name!];
  const reads: string[] = [];
  for (const place of places) {
    if (prng.below(12) === 0) continue;
    const count = place.includes('...') ? 1 + prng.below(3) : 1;
    for (let i = 0; i < count; i++) {
      const word = argument(prng, place);
      args.push(word);
      reads.push(word);
    }
  }
  for (const [flags] of verb.options) {
    const wanted = /-o, |--to/.test(flags) ? 5 : 2;
    if (prng.below(6) >= wanted) continue;
    for (let times = prng.below(8) === 0 ? 2 : 1; times > 0; times--) {
      const [long, takes] = /(?:--[a-z-]+|^-[a-z])( <.*>)?$/.exec(flags)![0].split(' ') as [
        string,
        string | undefined,
      ];
      args.push(long);
      if (takes === undefined || prng.below(25) === 0) continue;
      const value = outputs.has(long) ? outputFile(prng, reads) : optionValue(prng, long);
      if (long === '--dtb') reads.push(value);
      args.push(value);
    }
  }
  if (prng.below(20) === 0)
    args.splice(prng.below(args.length + 1), 0, prng.pick(['--', '--nonsense', '-', '\u001b[2J', '']));
  if (prng.below(20) === 0) args.push('--quiet');
  // An option without its value takes the next word for that, whatever it is.
  const writes = args.slice(1).filter((_, i) => outputs.has(args[i]!));
  return { args, reads, writes };
}

function argument(prng: Prng, place: string): string {
  if (/position/.test(place))
    return prng.below(2) === 0 ? position(prng, 90) : misspelt(prng, position(prng, 90)).value;
  if (/scenario/.test(place))
    return prng.pick(['two-bridges-swapped', 'deferred-probe', 'constructor', '', 'two-bridges']);
  if (prng.below(8) === 0) return prng.pick(names.devices);
  return prng.pick(prng.below(2) === 0 ? names.traces : existing);
}

function outputFile(prng: Prng, reads: readonly string[]): string {
  if (reads.length > 0 && prng.below(4) === 0) return prng.pick(reads);
  if (prng.below(6) === 0) return prng.pick(names.devices);
  return prng.pick(prng.below(2) === 0 ? names.new : existing);
}

function optionValue(prng: Prng, option: string): string {
  const right = rightValue(prng, option);
  return prng.below(3) === 0 ? misspelt(prng, right).value : right;
}

function rightValue(prng: Prng, option: string): string {
  switch (option) {
    case '--where':
      return expression(prng);
    case '--policy':
      return policy(prng);
    case '--variant':
      return `${policy(prng)} ${policy(prng)}`;
    case '--switch':
      return prng.pick(['xen=4.17', 'xen=4.21', 'linux=6.12', 'qemu=10.0', 'xen=', '=']);
    case '--at':
    case '--diff':
      return position(prng, 90);
    case '--path':
      return prng.pick([
        'xen',
        'xen.devices',
        'linux',
        'xen.bridges.0',
        'constructor',
        '__proto__',
        '',
        '.',
        'xen..',
      ]);
    case '--level':
      return prng.pick(['raw', 'semantic', 'guest', 'hardware']);
    case '--ignore':
      return prng.pick(['value', 'cause', 'handledBy', 'atNs']);
    case '--rule':
      return prng.pick(['SEG', 'SEG-001', 'CFG', 'seg', 'X']);
    case '--to':
      return 'ndjson';
    case '--format':
      return prng.pick(['dtb', 'ndjson', 'qemu-log', 'xentrace', 'constructor']);
    case '--dtb':
      return prng.pick(existing);
    case '--jobs':
    case '--seed':
      return prng.below(3) === 0 ? String(prng.below(4)) : prng.pick(edgeTexts);
    default:
      return prng.pick(edgeTexts);
  }
}

/** The files that command lines speak of. */
function furnish(workshop: Workshop, fifo: boolean): void {
  const { corpus, path } = workshop;
  const traces = corpus.traces();
  copyFileSync(traces[0]!, path('good.xpr'));
  copyFileSync(traces.at(-1)!, path('other.xpr'));
  copyFileSync(traces[1]!, path('a\u001b[2Jb.xpr'));
  const whole = workshop.files().get('good.xpr')!;
  workshop.put('torn.xpr', whole.subarray(0, whole.length >> 1));
  workshop.put('empty', new Uint8Array());
  workshop.put(
    'noise.bin',
    Uint8Array.from({ length: 500 }, (_, i) => (i * 7919) & 0xff),
  );
  workshop.put('text.log', Buffer.from('vfio_pci_read_config (0000:01:00.0, @0x0, len=0x4) 0x\u001b[2J\n'));
  workshop.put('locked.txt', Buffer.from('keep me'));
  chmodSync(path('locked.txt'), 0o444);
  mkdirSync(path('folder'));
  symlinkSync('good.xpr', path('link.xpr'));
  symlinkSync('gone.xpr', path('astray.xpr'));
  if (fifo) spawnSync('mkfifo', [path('nowhere.xpr')]);
}

/** Files that are read stay; files that are written change only when the command says so; nothing is left lying about. */
function changedFault(
  workshop: Workshop,
  before: ReadonlyMap<string, Buffer>,
  { reads, writes }: Line,
  code: number,
): string | null {
  const target = (name: string): string =>
    name === 'link.xpr' ? 'good.xpr' : name === 'astray.xpr' ? 'gone.xpr' : name;
  const after = workshop.files();
  const written = new Set(writes.map(target));
  const read = new Set(reads.map(target));
  for (const [name, bytes] of before) {
    const now = after.get(name);
    if (now?.equals(bytes) === true) continue;
    if (read.has(name)) return `${name} was read, and ${now === undefined ? 'is gone' : 'was changed'}`;
    if (!written.has(name)) return `${name} was changed, and nobody named it`;
    if (code === 2 && !isReport(now)) return `${name} was changed by a command that was refused`;
  }
  for (const name of after.keys()) {
    if (!before.has(name) && !written.has(name)) return `${name} was left behind`;
  }
  return null;
}

/** `check` reports on traces it could not read, and exits with 2. */
const isReport = (bytes: Buffer | undefined): boolean =>
  bytes !== undefined && /<testsuites|sarif/.test(bytes.toString());
