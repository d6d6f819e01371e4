import { mkdirSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { verbs } from '../../src/cli/verbs.js';
import { misfits, type Shape } from './shape.js';
import { good, scratch, xpr } from './xpr.js';

const at = scratch();
const swapped = at('swapped.xpr');
const told = at('told.xpr');
const agreed = at('agreed.xpr');
const torn = at('torn.xpr');
const text = at('text.xpr');
const divergent = at('divergent.xpr');
const exported = at('swapped.ndjson');

beforeAll(async () => {
  await good(['record', 'two-bridges-swapped', '-o', swapped, '--seed', '7']);
  await good(['record', 'two-bridges-agreed', '-o', agreed]);
  await xpr(['what-if', swapped, '--policy', 'segments.xen=told-by-dom0', '-o', told]);
  await good(['export', swapped, '--to', 'ndjson', '-o', exported]);
  const { bytes } = await good(['record', 'two-bridges-swapped', '-o', '-']);
  writeFileSync(torn, bytes.subarray(0, bytes.length - 40));
  writeFileSync(text, 'no trace');
  // A recording in which the hypercall is said to have failed.
  const { out } = await good(['export', swapped, '--to', 'ndjson', '-o', '-']);
  const lines = out
    .split('\n')
    .map((line) => (/"hypercall.returned"/.test(line) ? line.replace('"ret":0', '"ret":-19') : line));
  await good(['import', '-', '-o', divergent], new TextEncoder().encode(lines.join('\n')));
  mkdirSync(at('corpus'));
  await good(['record', 'two-bridges-agreed', '-o', at('corpus/a.xpr')]);
  await good(['record', 'deferred-probe', '-o', at('corpus/b.xpr')]);
});

const error: Shape = {
  schema: '=error/1',
  error: {
    code: 'string',
    message: 'string',
    file: 'string?',
    at: 'string?',
    expected: 'string?',
    actual: 'string?',
    hint: 'string?',
  },
};
const finding: Shape = {
  rule: 'string',
  severity: 'string',
  seq: 'number',
  message: 'string',
  function: 'function?',
  xenName: 'sbdf?',
  dom0Name: 'sbdf?',
  evidence: 'object',
};
const divergence: Shape = {
  seq: 'number',
  kind: 'string',
  field: 'string',
  expected: 'any',
  actual: 'any',
  rule: 'string',
  causes: ['number'],
};
const event: Shape = {
  seq: 'number',
  atNs: 'number',
  kind: 'string',
  role: 'string',
  origin: 'string',
  by: 'string',
  cause: 'number?',
  data: 'object',
};
const replayed: Shape = {
  schema: '=replay/1',
  events: 'number',
  inputs: 'number',
  compared: 'number',
  matched: 'number',
  mismatched: 'number',
  unmodelled: 'number',
  firstDivergence: 'any',
  findings: [finding],
  digest: 'digest',
  seconds: 'number',
  eventsPerSecond: 'number',
};
const checked: Shape = {
  schema: '=check/1',
  total: 'number',
  same: 'number',
  different: 'number',
  trouble: 'number',
  results: [{ file: 'string', status: 'string', firstDivergence: 'any', error: 'any' }],
};
const fsck: Shape = {
  schema: '=fsck/1',
  blocks: 'number',
  events: 'number',
  good: 'number',
  damaged: [{ block: 'number?', offset: 'number', reason: 'string' }],
  recoverable: 'number',
  digest: 'digest',
};
const bridge: Shape = {
  cfgBase: 'hex',
  cfgSizeBytes: 'number',
  busStart: 'number',
  busEnd: 'number',
  segments: { xen: 'number?', dom0: 'number?' },
};

type Row = readonly [name: string, args: () => readonly string[], code: number, shape: Shape];

const table: readonly Row[] = [
  [
    'demo',
    () => ['demo'],
    0,
    { schema: '=demo/1', events: 'number', digest: 'digest', firstWrong: finding, findings: [finding] },
  ],
  [
    'scenarios',
    () => ['scenarios'],
    0,
    {
      schema: '=scenarios/1',
      scenarios: [{ name: 'string', source: 'string', shows: 'string', expects: ['string'] }],
    },
  ],
  [
    'record',
    () => ['record', 'two-bridges-swapped', '-o', at('r.xpr')],
    0,
    { schema: '=record/1', events: 'number', bytes: 'number', digest: 'digest', findings: [finding] },
  ],
  [
    'record with findings',
    () => ['record', 'two-bridges-swapped', '-o', at('r.xpr'), '--fail-on-finding'],
    1,
    { schema: '=record/1' },
  ],
  ['record of no scenario', () => ['record', 'nothing', '-o', at('r.xpr')], 2, error],
  ['record without output', () => ['record', 'two-bridges-swapped'], 2, error],
  [
    'record with a policy that is not',
    () => ['record', 'two-bridges-swapped', '-o', at('r.xpr'), '--policy', 'iommu=maybe'],
    2,
    error,
  ],
  [
    'record into a folder that is not',
    () => ['record', 'two-bridges-swapped', '-o', at('none/r.xpr')],
    2,
    error,
  ],
  [
    'import',
    () => ['import', exported, '-o', at('i.xpr')],
    0,
    {
      schema: '=import/1',
      events: 'number',
      digest: 'digest',
      provenance: [
        {
          file: 'string',
          format: 'string',
          sha256: 'digest',
          records: 'number',
          skipped: 'number',
          lost: 'number',
        },
      ],
    },
  ],
  ['import of a text', () => ['import', text, '-o', at('i.xpr')], 2, error],
  [
    'import of an unheard format',
    () => ['import', exported, '--format', 'constructor', '-o', at('i.xpr')],
    2,
    error,
  ],
  [
    'info',
    () => ['info', swapped],
    0,
    {
      schema: '=info/1',
      events: 'number',
      inputs: 'number',
      outcomes: 'number',
      bytes: 'number',
      digest: 'digest',
      kinds: 'object',
      origins: { observed: 'number', simulated: 'number', inferred: 'number' },
      platform: { bridges: [bridge], functions: 'number' },
      policies: 'object',
      switches: 'object',
      provenance: [
        {
          file: 'string',
          format: 'string',
          sha256: 'string',
          records: 'number',
          skipped: 'number',
          lost: 'number',
        },
      ],
    },
  ],
  ['info of a torn trace', () => ['info', torn], 2, error],
  ['show', () => ['show', swapped, '18'], 0, event],
  ['show of a filter with a fault', () => ['show', swapped, '--where', 'kind =='], 2, error],
  ['show beyond the end', () => ['show', swapped, '100000'], 2, error],
  [
    'explain',
    () => ['explain', swapped, 'SEG-001#1'],
    0,
    {
      schema: '=explain/1',
      event,
      meaning: 'string',
      fields: [{ name: 'string', value: 'any', doc: 'string' }],
      decidedBy: 'string',
      decoded: [
        { what: 'string', bytes: 'string?', parts: [{ name: 'string', offset: 'number?', value: 'any' }] },
      ],
      read: [{ path: 'string', value: 'any' }],
      causes: [event],
      consequences: [event],
      written: [{ path: 'string', before: 'any', after: 'any' }],
      findings: [finding],
    },
  ],
  ['explain of no such finding', () => ['explain', swapped, 'SEG-001#99'], 2, error],
  [
    'state',
    () => ['state', swapped, '--at', 'last', '--path', 'xen.bridges.0'],
    0,
    { schema: '=state/1', at: 'number', path: 'string?', state: { cfgBase: 'hex', segment: 'number' } },
  ],
  ['state of no such path', () => ['state', swapped, '--path', 'xen.nothing'], 2, error],
  [
    'state with a difference',
    () => ['state', swapped, '--at', '18', '--diff', '2'],
    1,
    {
      schema: '=state-diff/1',
      from: 'number',
      to: 'number',
      changes: [{ path: 'string', before: 'any', after: 'any' }],
    },
  ],
  [
    'state without a difference',
    () => ['state', swapped, '--at', '18', '--diff', '18'],
    0,
    { schema: '=state-diff/1', changes: ['any'] },
  ],
  ['replay', () => ['replay', swapped], 0, replayed],
  [
    'replay of another world',
    () => ['replay', divergent],
    1,
    { ...(replayed as object), firstDivergence: divergence },
  ],
  [
    'replay of another world, all of it',
    () => ['replay', divergent, '--all'],
    1,
    { ...(replayed as object), divergences: [divergence] },
  ],
  ['replay of a text', () => ['replay', text], 2, error],
  ['findings', () => ['findings', swapped], 1, { schema: '=findings/1', findings: [finding] }],
  [
    'findings of one family',
    () => ['findings', swapped, '--rule', 'CFG'],
    1,
    { schema: '=findings/1', findings: [finding] },
  ],
  ['findings of a sound trace', () => ['findings', agreed], 0, { schema: '=findings/1', findings: ['any'] }],
  ['findings of no such rule', () => ['findings', swapped, '--rule', 'XYZ'], 2, error],
  [
    'what-if',
    () => ['what-if', swapped, '--policy', 'segments.xen=told-by-dom0'],
    1,
    {
      schema: '=what-if/1',
      variants: [{ policies: 'object', findings: [finding], changed: 'number', firstDivergence: divergence }],
    },
  ],
  ['what-if nothing', () => ['what-if', swapped], 2, error],
  [
    'diff',
    () => ['diff', swapped, told],
    1,
    {
      schema: '=diff/1',
      equal: 'boolean',
      level: 'string',
      firstDivergence: {
        a: 'number?',
        b: 'number?',
        kind: 'string',
        field: 'string',
        aValue: 'any',
        bValue: 'any',
        causes: ['number'],
      },
      islands: [
        { aFrom: 'number', aTo: 'number', bFrom: 'number', bTo: 'number', lasting: 'any', root: 'object' },
      ],
      onlyInA: 'number',
      onlyInB: 'number',
      matched: 'number',
      ignored: 'object',
    },
  ],
  [
    'diff with itself',
    () => ['diff', swapped, swapped, '--level', 'raw'],
    0,
    { schema: '=diff/1', equal: 'boolean', firstDivergence: 'any', islands: ['any'] },
  ],
  ['diff at no such level', () => ['diff', swapped, told, '--level', 'deep'], 2, error],
  ['diff with a file that is not there', () => ['diff', swapped, at('none.xpr')], 2, error],
  ['check', () => ['check', at('corpus')], 0, checked],
  ['check of a divergence', () => ['check', at('corpus'), divergent], 1, checked],
  ['check of a text', () => ['check', text, divergent], 2, checked],
  ['check of nothing', () => ['check', at('none')], 2, error],
  ['fsck', () => ['fsck', swapped], 0, fsck],
  ['fsck of a torn trace', () => ['fsck', torn], 1, fsck],
  ['fsck with repair', () => ['fsck', torn, '--repair', at('whole.xpr')], 1, fsck],
  ['fsck of no file', () => ['fsck', at('none.xpr')], 2, error],
  [
    'export',
    () => ['export', swapped, '--to', 'ndjson', '-o', at('x.ndjson')],
    0,
    { schema: '=export/1', file: 'string', format: 'string', events: 'number' },
  ],
  ['export to no format', () => ['export', swapped, '--to', 'nothing', '-o', at('x')], 2, error],
  [
    'events',
    () => ['events'],
    0,
    {
      schema: '=events/1',
      kinds: [{ kind: 'string', role: 'string', doc: 'string', fields: ['object'], jsonSchema: 'object' }],
    },
  ],
  [
    'rules',
    () => ['rules'],
    0,
    {
      schema: '=rules/1',
      rules: [{ code: 'string', severity: 'string', title: 'string', doc: 'string', page: 'string' }],
    },
  ],
  [
    'policies',
    () => ['policies'],
    0,
    {
      schema: '=policies/1',
      policies: [{ name: 'string', values: ['string'], default: 'string' }],
      switches: [{ name: 'string', values: ['string'], default: 'string' }],
    },
  ],
  ['an unknown verb', () => ['frobnicate'], 2, error],
  ['an unknown option', () => ['replay', swapped, '--frobnicate'], 2, error],
  ['a missing argument', () => ['replay'], 2, error],
  ['an argument too many', () => ['replay', swapped, swapped], 2, error],
];

describe('the command line', () => {
  it.each(table)('%s', async (_name, args, code, shape) => {
    const { code: ended, out, err } = await xpr([...args(), '--json']);
    expect([ended, err.includes('BUG')]).toEqual([code, false]);
    expect(misfits(JSON.parse(out), shape)).toEqual([]);
  });

  it.each(table)('says as much without --json: %s', async (_name, args, code, shape) => {
    const { code: ended, out, err } = await xpr(args());
    expect(ended).toBe(code);
    if (shape === error) {
      expect(out).toBe('');
      expect(err).toMatch(/^xpr: [A-Z]+-\d{3}: [^\n]+\n( {2}hint: [^\n]+\n)?$/);
    } else expect(err).not.toMatch(/^xpr: /m);
  });

  it('tells the next command as the last line when it found something', async () => {
    for (const args of [
      ['findings', swapped],
      ['replay', divergent],
      ['diff', swapped, told],
      ['check', divergent],
      ['fsck', torn],
    ]) {
      const { err } = await xpr(args);
      const next = err.trimEnd().split('\n').at(-1)!.trim();
      expect(next).toMatch(/^xpr [a-z-]+ /);
      const { code, err: complaint } = await xpr(next.split(' ').slice(1));
      expect([next, code < 2, complaint.includes('xpr: ')]).toEqual([next, true, false]);
    }
  });

  it.each(verbs.map(({ usage, example }) => [usage.split(' ')[0]!, example] as const))(
    'helps with %s',
    async (name, example) => {
      const { out } = await good([name, '--help']);
      expect(out).toContain(example);
      expect(out).toContain('Exit: ');
    },
  );

  it('talks to nobody under --quiet', async () => {
    for (const [, args, code, shape] of table) {
      if (shape === error) continue;
      const { err, code: ended } = await xpr([...args(), '--quiet']);
      expect([ended, err]).toEqual([code, '']);
    }
  });

  it('reads a trace from standard input', async () => {
    const { bytes } = await good(['record', 'two-bridges-swapped', '-o', '-', '--seed', '7']);
    for (const verb of [
      ['show'],
      ['info', '--json'],
      ['findings', '--json'],
      ['export', '--to', 'ndjson', '-o', '-'],
      ['state'],
      ['fsck', '--json'],
    ]) {
      const [name, ...more] = verb as [string, ...string[]];
      const piped = await xpr([name, '-', ...more], bytes);
      const named = await xpr([name, swapped, ...more]);
      expect([piped.out, piped.code]).toEqual([named.out, named.code]);
    }
    expect((await xpr(['diff', '-', '-'], bytes)).err).toMatch(/CLI-012/);
  });

  it('maps its exit codes for git bisect', async () => {
    const codes = async (...args: string[]) => (await xpr([...args, '--bisect'])).code;
    expect(await codes('replay', swapped)).toBe(0);
    expect(await codes('replay', divergent)).toBe(1);
    expect(await codes('replay', torn)).toBe(125);
    expect(await codes('replay', at('none.xpr'))).toBe(128);
    expect(await codes('replay', swapped, '--policy', 'iommu=maybe')).toBe(128);
    expect(await codes('check', text)).toBe(125);
    expect(await codes('check', text, divergent)).toBe(1);
    expect(await codes('check')).toBe(128);
  });

  it('says hex strings where a divergence is about values', async () => {
    const { out } = await good(['export', agreed, '--to', 'ndjson', '-o', '-']);
    const changed = out.replace('"value":"0x15218086"', '"value":"0x15218087"');
    expect(changed).not.toBe(out);
    await good(['import', '-', '-o', at('value.xpr')], new TextEncoder().encode(changed));
    const { firstDivergence } = JSON.parse((await xpr(['replay', at('value.xpr'), '--json'])).out);
    expect(firstDivergence).toMatchObject({ field: 'value', expected: '0x15218087', actual: '0x15218086' });
    const diff = JSON.parse((await xpr(['diff', at('value.xpr'), agreed, '--json'])).out);
    expect(diff.firstDivergence).toMatchObject({
      field: 'value',
      aValue: '0x15218087',
      bValue: '0x15218086',
    });
    expect((await xpr(['diff', at('value.xpr'), agreed, '--ignore', 'value'])).code).toBe(0);
    expect((await xpr(['diff', at('value.xpr'), agreed, '--where', 'kind == hypercall.returned'])).code).toBe(
      0,
    );
    expect((await xpr(['check', at('value.xpr'), '--where', 'kind == hypercall.returned'])).code).toBe(0);
  });

  it('explains a hypercall by its bytes, the state it read and what each party takes the device for', async () => {
    const told = JSON.parse((await good(['explain', swapped, 'SEG-001#1', '--json'])).out);
    expect(told.decoded).toMatchObject([{ what: 'struct physdev_pci_device_add' }]);
    expect(told.decoded[0].parts.slice(0, 3)).toEqual([
      { name: 'seg', offset: 0, value: '0x1' },
      { name: 'bus', offset: 2, value: '0x1' },
      { name: 'devfn', offset: 3, value: '0x0' },
    ]);
    expect(told.decoded[0].bytes).toMatch(/^01 00 01 00 /);
    expect(told.names).toMatchObject({ dom0: '0xa0000000/01:00.0', xen: '0xb0000000/01:00.0' });
    const read = new Map(told.read.map(({ path, value }: { path: string; value: unknown }) => [path, value]));
    expect(read.get('xen.bridges.1.cfgBase')).toBe('0xb0000000');
  });

  it('knows its version', async () => {
    const { out } = await good(['--version']);
    const info = JSON.parse((await good(['info', swapped, '--json'])).out);
    expect(info.creator).toBe(`xpr ${out.trim()}`);
  });
});
