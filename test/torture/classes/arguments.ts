import { join } from 'node:path';
import { verbs } from '../../../src/cli/verbs.js';
import { command, judged } from '../command.js';
import { root } from '../corpus.js';
import type { TortureClass } from '../verdict.js';

const TRACE = join(root, 'traces/golden/0.2.0/two-guests-behind-one-pci-bridge.xpr');

const words: readonly string[] = [
  TRACE,
  'two-bridges-swapped',
  'no-such-file.xpr',
  '/dev/null',
  root,
  '',
  '-',
  '--',
  '18',
  '0..20',
  '..5',
  '75..',
  '3..1',
  '@1ms',
  '@-1s',
  '@9us..@10us',
  'first',
  'last',
  '#18',
  '0x12',
  'SEG-001#9',
  'seg-001',
  '99999999999999999999',
  '1e9',
  'kind == hypercall.issued',
  'kind ~ config and data.reg > 0x10',
  "kind == 'x",
  'nosuch == 1',
  'data.constructor == 1',
  '((((((((((',
  'segments.xen=told-by-dom0',
  'segments.xen=offset:-3',
  'iommu=off iommu=on',
  'xen=4.21',
  'xen=5.0',
  '__proto__=1',
  '\u001b[2J',
  '\u202ereversed',
  'x'.repeat(9_000),
];

/** Arguments nobody thought of: every one is answered or refused with a code and a hint. */
export const badArguments: TortureClass = {
  name: 'arguments',
  doc: 'verbs get words and flags at random, in any order; each call must be answered or refused with a code',
  prepare() {
    const callable = verbs.filter(({ usage }) => !/^(?:demo|view|debug|worker)\b/.test(usage));
    return async ({ prng, folder }) => {
      const verb = prng.pick(callable);
      const args = [verb.usage.split(' ')[0]!];
      const flags = verb.options.map(([flag]) => flag.split(/[ ,]+/).find((word) => word.startsWith('--'))!);
      for (let n = prng.below(5); n > 0; n--) {
        const flag = prng.below(2) === 0 && flags.length > 0 ? prng.pick(flags) : null;
        // What writes, writes into the folder of this try.
        if (flag === '--output' || flag === '--repair' || flag === '--junit' || flag === '--sarif')
          args.push(flag, join(folder, 'out'));
        else if (flag !== null && prng.below(3) > 0) args.push(flag, prng.pick(words));
        else args.push(flag ?? prng.pick(words));
      }
      if (args.includes('--follow') || args.includes('--out')) return { survived: true, how: 'refused' };
      return judged(args, await command(args));
    };
  },
};
