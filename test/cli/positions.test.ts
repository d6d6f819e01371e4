import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { good, scratch, xpr } from './xpr.js';

const at = scratch();
const trace = at('t.xpr');
let times: readonly number[] = [];
let last = 0;
/** Where the first two findings of SEG-001 stand. */
let found: readonly number[] = [];

beforeAll(async () => {
  await good(['record', 'two-bridges-swapped', '-o', trace]);
  const { out } = await good(['show', trace, '--json']);
  times = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).atNs);
  last = times.length - 1;
  const findings = JSON.parse((await xpr(['findings', trace, '--rule', 'SEG-001', '--json'])).out);
  found = findings.findings.map(({ seq }: { seq: number }) => seq);
});

/** First and last event that a position shows; null for none. */
async function shown(position: string): Promise<readonly [number, number] | null> {
  const { out } = await good(['show', trace, position, '--json']);
  const lines = out.trimEnd().split('\n').filter(Boolean);
  const seq = (line: string | undefined): number => JSON.parse(line!).seq;
  return lines.length === 0 ? null : [seq(lines[0]), seq(lines.at(-1))];
}

describe('a position', () => {
  it.each([
    ['18', () => [18, 18]],
    ['#18', () => [18, 18]],
    ['0x12', () => [18, 18]],
    ['first', () => [0, 0]],
    ['last', () => [last, last]],
    ['3..5', () => [3, 5]],
    ['#3..#5', () => [3, 5]],
    ['3..3', () => [3, 3]],
    ['75..', () => [75, last]],
    ['..5', () => [0, 5]],
    ['first..last', () => [0, last]],
    ['last..', () => [last, last]],
    ['..first', () => [0, 0]],
    // The first event when all are later.
    ['@0', () => (times[0] === 0 ? [times.lastIndexOf(0), times.lastIndexOf(0)] : [0, 0])],
    ['SEG-001', () => [found[0], found[0]]],
    ['SEG-001#1..last', () => [found[0], last]],
    ['..SEG-001', () => [0, found[0]]],
  ] as const)('%s', async (position, expected) => {
    expect(await shown(position)).toEqual(expected());
  });

  it('names events by their time, both ends included', async () => {
    const [from, to] = [times[20]!, times[40]!];
    const expected = [times.indexOf(from), times.lastIndexOf(to)];
    expect(await shown(`@${from}ns..@${to}ns`)).toEqual(expected);
    expect(await shown(`@${from}ns..`)).toEqual([expected[0], last]);
    expect(await shown(`..@${to}ns`)).toEqual([0, expected[1]]);
    expect(await shown(`@${to}ns`)).toEqual([expected[1], expected[1]]);
    const gap = times.findIndex((atNs, i) => i > 0 && atNs - times[i - 1]! > 2);
    expect(gap).toBeGreaterThan(0);
    expect(await shown(`@${times[gap - 1]! + 1}ns..@${times[gap]! - 1}ns`)).toBeNull();
  });

  it('says where the trace ends when it is asked for more', async () => {
    for (const position of [`70..${last + 20}`, '@1000s', '..@1000s']) {
      const { err } = await good(['show', trace, position]);
      expect([position, err]).toEqual([position, expect.stringContaining(`the trace ends at #${last}`)]);
    }
    expect((await good(['show', trace, `70..${last}`])).err).toBe('');
  });

  it.each([
    ['5..3', 'POS-001'],
    ['..', 'POS-001'],
    ['last..first', 'POS-001'],
    ['1..2..3', 'POS-001'],
    ['@12', 'POS-001'],
    ['@5us..@1us', 'POS-001'],
    ['100000', 'POS-002'],
    ['100000..', 'POS-002'],
    ['SEG-001#99..', 'POS-003'],
  ])('%s is refused', async (position, code) => {
    const { code: exit, err } = await xpr(['show', trace, position]);
    expect([exit, err]).toEqual([2, expect.stringContaining(code)]);
  });

  it('is one event where one is wanted', async () => {
    for (const args of [
      ['explain', trace, '1..3'],
      ['state', trace, '--at', '1..3'],
      ['state', trace, '--diff', '..3'],
    ]) {
      expect([args, (await xpr(args)).err]).toEqual([args, expect.stringContaining('POS-004')]);
    }
    expect((await good(['explain', trace, '#18', '--json'])).out).toBe(
      (await good(['explain', trace, '18', '--json'])).out,
    );
  });
});

describe('a name without a trace', () => {
  it.each([
    [['rules', 'SEG-001'], /^SEG-001 {2}error {2}/],
    [['rules', 'SEG'], /SEG-001[\s\S]*SEG-002/],
    [['scenarios', 'two-bridges-swapped'], /^two-bridges-swapped: /],
    [['policies', 'iommu'], /--policy iommu=VALUE/],
    [['policies', 'xen'], /--switch xen=VALUE/],
  ] as const)('%s', async (args, text) => {
    expect((await good(args)).out).toMatch(text);
    const listed = JSON.parse((await good([...args, '--json'])).out);
    const lists = Object.values(listed).filter(Array.isArray);
    expect(
      lists.some((list) => list.some((one) => [one.code, one.name].includes(args[1])) || args[1] === 'SEG'),
    ).toBe(true);
  });

  it.each([
    [['rules', 'SEG-01'], 'CLI-006', 'SEG-001'],
    [['scenarios', 'two-bridge-swapped'], 'CLI-004', 'two-bridges-swapped'],
    [['policies', 'iomu'], 'POL-001', 'iommu'],
  ] as const)('%s is helped', async (args, code, meant) => {
    const { code: exit, err } = await xpr(args);
    expect([exit, err]).toEqual([2, expect.stringContaining(code)]);
    expect(err).toContain(meant);
  });
});

describe('advice', () => {
  it('is not given where it leads nowhere', async () => {
    writeFileSync(at('text.txt'), 'no trace');
    expect((await xpr(['check', at('text.txt')])).err).not.toContain('fsck');
    expect((await xpr(['what-if', trace, '--variant', ''])).err).toContain('CLI-008');
  });

  it('of a what-if under another release names the switch', async () => {
    const { code, out, err } = await xpr(['what-if', trace, '--variant', 'xen=4.20 iommu=off']);
    expect(code).toBe(1);
    expect(out).toContain('iommu=off xen=4.20.4');
    expect(err).toContain('--switch xen=4.20.4');
  });

  it('is given to whoever imports a trace', async () => {
    const { code, err } = await xpr(['import', trace, '-o', at('i.xpr')]);
    expect([code, err]).toEqual([2, expect.stringContaining('is a trace already')]);
  });
});
