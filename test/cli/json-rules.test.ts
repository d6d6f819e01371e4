import { beforeAll, describe, expect, it } from 'vitest';
import { good, scratch, xpr } from './xpr.js';

/** The rules of the command line contract on JSON, over every verb that reads a trace and scenarios of every family. */
const scenarios = [
  'two-bridges-swapped',
  'q35-two-servers',
  'overlapping-addresses',
  'overlapping-ranges',
  'pvh-bar-moved-while-mapped',
  'assign-through-quarantine',
  'all-functions-attach-gives-one',
] as const;

const at = scratch();
const trace = (name: string): string => at(`${name}.xpr`);

beforeAll(async () => {
  for (const name of scenarios) await good(['record', name, '-o', trace(name), '--quiet']);
});

const HEX = /^-?0x[0-9a-f]+$/;
/** `addr` of QMP's device_add: slot and function as QEMU writes them. */
const QMP_SLOT = /^[0-9a-f]{1,2}\.[0-7]$/;
const SBDF = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;
const FUNCTION = /^(0x[0-9a-f]+|\?\d+)\/[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;

/** What the values of a name are, wherever it stands. */
const rules: readonly (readonly [names: readonly string[], rule: (value: unknown) => boolean])[] = [
  [
    [
      'seq',
      'atNs',
      'size',
      'sizeBytes',
      'cfgSizeBytes',
      'count',
      'events',
      'bytes',
      'errno',
      'offset',
      'reg',
    ],
    (value) => Number.isSafeInteger(value),
  ],
  [
    ['addr', 'address', 'base', 'cfgBase', 'streamId', 'dataHigh'],
    (value) => typeof value === 'string' && (HEX.test(value) || QMP_SLOT.test(value)),
  ],
  [['sbdf', 'xenName', 'dom0Name', 'machine_sbdf'], (value) => typeof value === 'string' && SBDF.test(value)],
  [['function'], (value) => typeof value === 'string' && FUNCTION.test(value)],
];

/** Lists in which the same name stands for values of any field. */
const MIXED: ReadonlySet<string> = new Set(['fields', 'decoded', 'read', 'written', 'changes']);

function faults(value: unknown, path: string): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [`${path} is ${value}`];
  if (typeof value !== 'object' || value === null) return value === undefined ? [`${path} is missing`] : [];
  if (Array.isArray(value)) return value.flatMap((one, i) => faults(one, `${path}[${i}]`));
  return Object.entries(value).flatMap(([name, inner]) => {
    const here = `${path}.${name}`;
    if (MIXED.has(name)) return [];
    const rule = rules.find(([names]) => names.includes(name))?.[1];
    const scalar = typeof inner !== 'object' && inner !== undefined;
    const wrong = rule !== undefined && scalar && !rule(inner) ? [`${here} is ${JSON.stringify(inner)}`] : [];
    return [...wrong, ...faults(inner, here)];
  });
}

const verbs: readonly (readonly [verb: string, more: readonly string[]])[] = [
  ['info', []],
  ['explain', ['last']],
  ['state', ['--at', 'last']],
  ['state', ['--at', 'last', '--diff', 'first']],
  ['findings', []],
  ['replay', []],
  ['what-if', ['--policy', 'mmconfig=notify']],
  ['fsck', []],
];

describe.each(scenarios)('%s', (name) => {
  it.each(verbs)('%s %j writes one document by the rules', async (verb, more) => {
    const { out, code } = await xpr([verb, trace(name), ...more, '--json']);
    expect(code).toBeLessThan(2);
    const document = JSON.parse(out) as { schema: string };
    expect(document.schema).toMatch(/^[a-z-]+\/\d+$/);
    expect(faults(document, verb)).toEqual([]);
  });

  it('shows events one object a line, in order, by the rules', async () => {
    const lines = (await good(['show', trace(name), '--json'])).out.trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line) as { seq: number });
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, i) => i));
    expect(events.flatMap((event) => faults(event, `#${event.seq}`))).toEqual([]);
  });

  it('is the same as itself and says so', async () => {
    const { out } = await good(['diff', trace(name), trace(name), '--json']);
    expect(JSON.parse(out)).toMatchObject({
      schema: 'diff/1',
      equal: true,
      firstDivergence: null,
      islands: [],
    });
  });

  it('ends in the next command when something is found', async () => {
    const { code, err } = await xpr(['findings', trace(name)]);
    const last = err.trimEnd().split('\n').at(-1)?.trim() ?? '';
    expect(last).toMatch(code === 1 ? /^xpr explain \S+\.xpr \d+$/ : /^no finding$/);
  });
});
