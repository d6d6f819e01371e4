import { copyFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { good, scratch, xpr } from './xpr.js';

/** Which part throws, at every event of the kind it has to do with. */
type Part = 'decider' | 'reducer' | 'rule' | 'comparer';
const planted = vi.hoisted(() => ({ part: null as string | null }));
const KIND = 'hypercall.issued';

const thrower = vi.hoisted(() => (part: string) => {
  if (planted.part === part) throw new TypeError(`planted in the ${part}`);
});

vi.mock('../../src/models/deciders.js', async (original) => {
  const { deciders } = await original<typeof import('../../src/models/deciders.js')>();
  const decide = deciders['hypercall.issued'];
  return {
    deciders: {
      ...deciders,
      'hypercall.issued': (...given: Parameters<typeof decide>) => {
        thrower('decider');
        decide(...given);
      },
    },
  };
});

vi.mock('../../src/state/marks.js', async (original) => {
  const actual = await original<typeof import('../../src/state/marks.js')>();
  const { marksSlice } = actual;
  return {
    ...actual,
    marksSlice: { ...marksSlice, on: { ...marksSlice.on, 'hypercall.issued': () => thrower('reducer') } },
  };
});

vi.mock('../../src/rules/index.js', async (original) => {
  const actual = await original<typeof import('../../src/rules/index.js')>();
  const watch = () => ({ 'hypercall.issued': () => thrower('rule') });
  return { ...actual, rules: [...actual.rules, { ...actual.rules[0]!, code: 'SEG-999', watch }] };
});

vi.mock('../../replay/run/compare.js', async (original) => {
  const actual = await original<typeof import('../../replay/run/compare.js')>();
  return {
    compareOutcomes: (...given: Parameters<typeof actual.compareOutcomes>) => {
      thrower('comparer');
      return actual.compareOutcomes(...given);
    },
    compareValues: (...given: Parameters<typeof actual.compareValues>) => {
      thrower('comparer');
      return actual.compareValues(...given);
    },
  };
});

const path = scratch();
const [trace, other, long, told] = [path('t.xpr'), path('u.xpr'), path('l.xpr'), path('t.ndjson')];

beforeAll(async () => {
  await good(['record', 'two-bridges-swapped', '-o', trace]);
  await good(['record', 'two-bridges-swapped', '-o', other, '--seed', '2']);
  // Long enough for a snapshot, which fsck holds against the events.
  await good(['record', 'dsm-full-reinitialisation', '-o', long]);
  await good(['export', trace, '--to', 'ndjson', '-o', told]);
}, 60_000);
afterEach(() => {
  planted.part = null;
});

const policy = ['--policy', 'segments.xen=told-by-dom0'];
/** Every verb that has to do with events, and the parts it cannot do without. */
const verbs: Readonly<Record<string, { readonly args: readonly string[]; readonly parts: readonly Part[] }>> =
  {
    record: {
      args: ['record', 'two-bridges-swapped', '-o', path('out.xpr')],
      parts: ['decider', 'reducer', 'rule'],
    },
    replay: { args: ['replay', trace], parts: ['decider', 'reducer', 'rule', 'comparer'] },
    check: { args: ['check', trace], parts: ['decider', 'reducer', 'comparer'] },
    findings: { args: ['findings', trace], parts: ['reducer', 'rule'] },
    'what-if': { args: ['what-if', trace, ...policy], parts: ['decider', 'reducer', 'rule', 'comparer'] },
    'what-if -o': {
      args: ['what-if', trace, ...policy, '-o', path('w.xpr')],
      parts: ['decider', 'reducer', 'rule', 'comparer'],
    },
    diff: { args: ['diff', trace, other], parts: ['reducer', 'comparer'] },
    state: { args: ['state', trace], parts: ['reducer'] },
    explain: { args: ['explain', trace, '18'], parts: ['decider', 'reducer', 'rule'] },
    fsck: { args: ['fsck', long], parts: ['reducer'] },
    info: { args: ['info', trace], parts: ['reducer'] },
    import: { args: ['import', told, '-o', path('i.xpr')], parts: ['reducer'] },
    'show at a finding': { args: ['show', trace, 'SEG-999'], parts: ['reducer', 'rule'] },
    demo: { args: ['demo'], parts: ['decider', 'reducer', 'rule'] },
  };

const cases = Object.entries(verbs).flatMap(([verb, { args, parts }]) =>
  parts.map((part) => [verb, part, args] as const),
);

describe('an exception inside', () => {
  it('is not there unless it is planted', async () => {
    for (const { args } of Object.values(verbs)) expect((await xpr(args)).err).not.toMatch(/RUN-|BUG/);
  });

  it.each(cases)('ends %s with the event it happened at: in a %s', async (_verb, part, args) => {
    planted.part = part;
    const { code, out, err } = await xpr(args);
    expect(`${out}${err}`).toMatch(/RUN-001: .* broke off.*#\d+ [a-z]+\.[a-z]+/);
    expect(code).toBe(2);
    expect(out).not.toMatch(/0 did not|1 same|no finding/);
  });

  it.each(cases)('is a document for scripts, with %s and a %s', async (verb, part, args) => {
    if (verb === 'demo' || verb === 'check') return;
    planted.part = part;
    const { code, out } = await xpr([...args, '--json']);
    const { error } = JSON.parse(out) as { error: Record<string, string> };
    expect(error).toMatchObject({ code: 'RUN-001', actual: `TypeError: planted in the ${part}` });
    if (part === 'decider' || part === 'rule') expect(error['at']).toContain(KIND);
    expect(code).toBe(2);
  });

  it.each(['decider', 'reducer', 'comparer'] as const)(
    'is trouble to check and its reports: in a %s',
    async (part) => {
      planted.part = part;
      const { code, out } = await xpr(['check', trace, other, '--json', '--junit', path('j.xml'), '--force']);
      expect(code).toBe(2);
      expect(JSON.parse(out)).toMatchObject({ total: 2, same: 0, different: 0, trouble: 2 });
      expect(JSON.parse(out).results[0].error).toMatchObject({ code: 'RUN-001', file: trace });
    },
  );

  it('names the file', async () => {
    planted.part = 'decider';
    expect((await xpr(['replay', trace])).err).toContain(trace);
  });
});

// Its models would give way (RUN-001), were they handed a platform like that.
describe('a trace whose platform is not as one should be', () => {
  it('has no verdict', async () => {
    const file = path('gives-way.xpr');
    copyFileSync(resolve(import.meta.dirname, '../fixtures/log/model-gives-way.xpr'), file);
    for (const verb of ['replay', 'check', 'what-if'] as const) {
      const { code, out, err } = await xpr([verb, file, ...(verb === 'what-if' ? policy : [])]);
      expect([verb, code]).toEqual([verb, 2]);
      expect(`${out}${err}`).toMatch(/LOG-016/);
    }
    const checked = await xpr(['fsck', file, '--json']);
    expect([checked.code, JSON.parse(checked.out).damaged]).toEqual([
      1,
      [{ block: null, offset: 16, reason: expect.stringMatching(/^LOG-016/) }],
    ]);
  });
});
