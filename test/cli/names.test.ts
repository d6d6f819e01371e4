import { beforeAll, describe, expect, it } from 'vitest';
import { counted } from '../../src/base/counted.js';
import { didYouMean, near } from '../../src/base/near.js';
import { fieldNames } from '../../src/tell/where-fields.js';
import { good, scratch, xpr } from './xpr.js';

const at = scratch();
const trace = at('t.xpr');
const other = at('o.xpr');
beforeAll(async () => {
  await good(['record', 'two-bridges-swapped', '-o', trace]);
  await good(['record', 'two-bridges-agreed', '-o', other]);
});

/** A name nobody knows, the code that says so, and what it might have been. */
const unknown: readonly (readonly [args: () => readonly string[], code: string, meant: string])[] = [
  [() => ['show', trace, '--where', 'knd == x'], 'WHERE-002', 'kind'],
  [() => ['show', trace, '--where', 'data.dommid == 0'], 'WHERE-002', 'domid'],
  [() => ['show', trace, '--where', '!cuase'], 'WHERE-002', 'cause'],
  [() => ['show', trace, '--where', 'domid.x == 1'], 'WHERE-002', 'domid has no parts'],
  [() => ['check', trace, '--where', 'knd==x'], 'WHERE-002', 'kind'],
  [() => ['diff', trace, other, '--where', 'seq == 1 && (opp == x)'], 'WHERE-002', 'op'],
  [() => ['show', trace, '--where', 'kind == hypercall.isued'], 'WHERE-003', 'hypercall.issued'],
  [() => ['check', trace, '--where', 'kind != hypercall.isued'], 'WHERE-003', 'hypercall.issued'],
  [() => ['show', trace, '--where', 'kind ~ hypercal_'], 'WHERE-003', 'xpr events'],
  [() => ['show', trace, '--where', 'role == output'], 'WHERE-003', 'input, outcome'],
  [() => ['show', trace, '--where', 'origin == simulted'], 'WHERE-003', 'simulated'],
  [() => ['show', trace, '--where', 'dir == raed'], 'WHERE-003', 'read'],
  [() => ['show', trace, '--where', 'seq == first'], 'WHERE-003', 'a number'],
  [() => ['show', trace, '--where', 'seq < x'], 'WHERE-003', 'a number'],
  [() => ['show', trace, '--where', 'sbdf == 01:00.0'], 'WHERE-003', 'ssss:bb:dd.f'],
  [() => ['findings', trace, '--rule', 'SGE'], 'CLI-006', 'SEG'],
  [() => ['findings', trace, '--rule', 'seg'], 'CLI-006', 'SEG'],
  [() => ['findings', trace, '--rule', 'SEG-0001'], 'CLI-006', 'SEG-001'],
  [() => ['findings', trace, '--rule', 'SEG', '--rule', 'XYZ'], 'CLI-006', 'xpr rules'],
  [() => ['explain', trace, 'SGE-001'], 'POS-003', 'SEG-001'],
  [() => ['explain', trace, 'seg-001'], 'POS-001', 'SEG-001'],
  [() => ['diff', trace, other, '--ignore', 'valeu'], 'DIFF-002', 'value'],
  [() => ['diff', trace, other, '--ignore', 'config.completed.valeu'], 'DIFF-002', 'value'],
  [() => ['diff', trace, other, '--ignore', 'atNs'], 'DIFF-002', 'xpr events'],
  [() => ['record', 'two-bridges-swaped', '-o', at('x')], 'CLI-004', 'two-bridges-swapped'],
  [() => ['info', at('tt.xpr')], 'LOG-012', at('t.xpr')],
  [() => ['fsck', at('t.xp')], 'LOG-012', at('t.xpr')],
  [() => ['import', at('t.xpt'), '-o', at('x')], 'IO-001', at('t.xpr')],
  [() => ['diagnose', at('t.xprr')], 'IO-001', at('t.xpr')],
  [() => ['info', at('none/t.xpr')], 'LOG-012', 'there is no folder'],
  [() => ['record', 'two-bridges-agreed', '-o', at('none/t.xpr')], 'IO-001', 'there is no folder'],
  [() => ['help', 'recrd'], 'CLI-011', 'record'],
  [() => ['rcord'], 'CLI-011', 'record'],
  [
    () => ['record', 'two-bridges-agreed', '-o', at('x'), '--policy', 'segments.xen=offset:N'],
    'POL-002',
    'N is a decimal number',
  ],
  [() => ['record', 'two-bridges-swapped', '-o', at('x'), '--policy', 'iomu=on'], 'POL-001', 'iommu'],
  [() => ['record', 'two-bridges-swapped', '-o', at('x'), '--policy', 'xen=4.21'], 'POL-001', '--switch xen'],
  [
    () => ['record', 'two-bridges-swapped', '-o', at('x'), '--switch', 'iommu=on'],
    'POL-003',
    '--policy iommu',
  ],
  [() => ['record', 'two-bridges-swapped', '-o', at('x'), '--policy', 'iommu=onn'], 'POL-002', 'on'],
  [
    () => ['record', 'two-bridges-swapped', '-o', at('x'), '--policy', 'segments.xen=offset:N'],
    'POL-002',
    '',
  ],
];

describe('a name that nobody knows', () => {
  it.each(unknown.map((row) => [row[0]().slice(1).join(' '), ...row] as const))(
    '%s',
    async (_name, args, code, meant) => {
      const ran = await xpr(args());
      expect([ran.code, ran.out, ran.err]).toEqual([2, '', expect.stringContaining(`xpr: ${code}: `)]);
      expect(ran.err.split('\n')[1]).toContain(meant);
      const { error } = JSON.parse((await xpr([...args(), '--json'])).out);
      expect(error.code).toBe(code);
      if (code.startsWith('WHERE')) expect(error.at).toMatch(/^0x/);
    },
  );
});

describe('a filter', () => {
  it.each([
    'kind == hypercall.issued',
    'kind ~ hypercall',
    'data.args.seg == 1',
    'args.whatever.deep != 3',
    'cause == null',
    'dir == null',
    'domid >= 0x0',
    'ret == -19',
    'ret < 0',
    'function == 0xa0000000/01:00.0',
    'sbdf != 0001:01:00.0',
  ])('may ask %s', async (text) => {
    expect((await xpr(['show', trace, '--where', text])).code).toBe(0);
  });

  it('may ask for every field there is', async () => {
    for (const name of fieldNames) {
      expect([name, (await xpr(['show', trace, 'first', '--where', name])).code]).toEqual([name, 0]);
    }
  });

  it('says so when nothing matches', async () => {
    const { reader } = { reader: JSON.parse((await good(['info', trace, '--json'])).out) };
    const none = 'op == nothing_of_that_name';
    const shown = await good(['show', trace, '--where', none]);
    expect([shown.out, shown.err]).toEqual(['', `0 of ${reader.events} events match\n`]);
    expect((await good(['show', trace, '0..9', '--where', none])).err).toBe('0 of 10 events match\n');
    expect((await good(['check', trace, '--where', none])).err).toContain(
      `0 of ${reader.events} events match`,
    );
    expect((await good(['diff', trace, other, '--where', none])).err).toContain('events match');
    expect((await good(['show', trace, '--where', 'seq == 3'])).err).toBe('');
  });

  it('takes several rules', async () => {
    const rulesOf = async (...args: string[]) =>
      JSON.parse((await xpr(['findings', trace, '--json', ...args])).out).findings.map(
        ({ rule }: { rule: string }) => rule.split('-')[0],
      );
    const [both, one, two] = [
      await rulesOf('--rule', 'SEG', '--rule', 'CFG'),
      await rulesOf('--rule', 'SEG'),
      await rulesOf('--rule', 'CFG'),
    ];
    expect(new Set(both)).toEqual(new Set(['SEG', 'CFG']));
    expect(both.length).toBe(one.length + two.length);
  });

  it('counts what a field left out apart from what names left out', async () => {
    const { out } = await good(['export', other, '--to', 'ndjson', '-o', '-']);
    const changed = out.replace('"value":"0x15218086"', '"value":"0x15218087"');
    expect(changed).not.toBe(out);
    await good(['import', '-', '-o', at('value.xpr')], new TextEncoder().encode(changed));
    for (const field of ['value', 'data.value', 'config.completed.value']) {
      const diff = await xpr(['diff', at('value.xpr'), other, '--ignore', field, '--json']);
      if (field === 'config.completed.value' && diff.code === 1) continue;
      const { ignored } = JSON.parse(diff.out);
      expect([field, diff.code, ignored.names, ignored.fields]).toEqual([field, 0, 0, 1]);
    }
  });
});

describe('one of something', () => {
  it('is not told in the plural', async () => {
    const { out } = await good(['check', trace]);
    expect(out).toBe('1 trace: 1 same, 0 different, 0 in trouble\n');
    expect((await good(['fsck', trace])).out).toMatch(/^1 of 1 block whole, 80 events in it, /);
    expect([counted(0, 'event'), counted(1, 'event'), counted(2, 'event')]).toEqual([
      '0 events',
      '1 event',
      '2 events',
    ]);
  });
});

describe('near names', () => {
  it.each([
    ['hypercal.issued', 'hypercall.issued'],
    ['dmoid', 'domid'],
    ['KIND', 'kind'],
  ])('%s is near %s', (name, meant) => {
    expect(near(name, ['hypercall.issued', 'domid', 'kind', 'seq'])[0]).toBe(meant);
  });

  it('are none for something else', () => {
    expect(didYouMean('zebra', ['hypercall.issued', 'domid'])).toBeNull();
    expect(didYouMean('x'.repeat(1_000_000), ['domid'])).toBeNull();
  });
});
