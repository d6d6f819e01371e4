import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { shellFile, shellWord } from '../../src/base/shell-word.js';
import { visible } from '../../src/base/visible.js';
import { runCommand } from '../../src/cli/run.js';
import { verbs } from '../../src/cli/verbs.js';
import { kindOf } from '../../src/events/catalogue.js';
import { good, scratch } from './xpr.js';

const at = scratch();

/** Clears the screen, sets the title, ends the line with one of its own, turns the direction, hides. */
const EVIL =
  '\u001b[2J\u001b]0;pwned\u0007\r\nFORGED line\u0085FORGED line\u2028FORGED line\u2029FORGED \u202egpj\u202c\u2066x\u2069\u200f\u009b31m\u007f\u{e0041}\u200b\ufeff';
/** The same for a name of a file, which has no room for a slash but for the rest. */
const name = `x${EVIL}.xpr`;
/** What a terminal obeys or what changes how a line reads; told by number, not by the table of the program. */
const obeyed: readonly (readonly [from: number, to: number])[] = [
  [0x00, 0x09],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0x61c, 0x61c],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2066, 0x2069],
  [0xfeff, 0xfeff],
  [0xe0000, 0xe0fff],
];

/** The first such character with what stands around it; empty when there is none. */
function firstObeyed(text: string): string {
  const characters = [...text];
  const at = characters.findIndex((one) =>
    obeyed.some(([from, to]) => one.codePointAt(0)! >= from && one.codePointAt(0)! <= to),
  );
  return at < 0 ? '' : JSON.stringify(characters.slice(Math.max(0, at - 60), at + 9).join(''));
}

/** A trace in which every text, name and actor that may be foreign is. */
function hostileExport(text: string): string {
  const [head = '', ...events] = text.trimEnd().split('\n');
  const header = JSON.parse(head);
  header.header.scenario += EVIL;
  header.header.creator += EVIL;
  header.header.platform.name += EVIL;
  for (const bridge of header.header.platform.bridges) bridge.node += EVIL;
  header.header.provenance = [{ file: EVIL, format: EVIL, sha256: EVIL, records: 1, skipped: 0, lost: 0 }];
  const spoil = (value: unknown): unknown =>
    typeof value === 'string' && !/^(0x|\d)/.test(value)
      ? value + EVIL
      : Array.isArray(value)
        ? value.map(spoil)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key + EVIL, spoil(inner)]))
          : value;
  const lines = events.map((line, i) => {
    const event = JSON.parse(line);
    if (i % 3 === 0) event.by += EVIL;
    if (i % 2 === 1) return JSON.stringify(event);
    for (const [field, { type }] of Object.entries(kindOf(event.kind).fields)) {
      if (type.is === 'text' && typeof event.data[field] === 'string') event.data[field] += EVIL;
    }
    if (typeof event.data.args === 'object') event.data.args = spoil(event.data.args);
    return JSON.stringify(event);
  });
  return [JSON.stringify(header), ...lines].join('\n');
}

/** Our own colours, and the line that comes and goes. */
const ours = ['\u001b[0m', '\u001b[31m', '\u001b[33m', '\u001b[36m', '\r\u001b[K'];

/** Runs a command on a terminal that shows everything; what a terminal of its own would get, colours apart. */
async function onTerminal(args: readonly string[], input = new Uint8Array()): Promise<string> {
  let shown = '';
  await runCommand(args, {
    out: (data) => {
      shown += typeof data === 'string' ? data : Buffer.from(data).toString();
    },
    err: (text) => {
      shown += text;
    },
    input: () => input,
    outIsTerminal: true,
    errIsTerminal: true,
  });
  return ours.reduce((text, sequence) => text.replaceAll(sequence, ''), shown);
}

beforeAll(async () => {
  for (const [scenario, to] of [
    ['two-bridges-swapped', name],
    ['killed-between-assign-and-store', `y${name}`],
  ] as const) {
    await good(['record', scenario, '-o', at('plain.xpr')]);
    const { out } = await good(['export', at('plain.xpr'), '--to', 'ndjson', '-o', '-']);
    const text = hostileExport(out);
    writeFileSync(at(`${to}.ndjson`), text);
    await good(['import', '-', '-o', at(to)], new TextEncoder().encode(text));
  }
  writeFileSync(
    at(`log${name}`),
    `[1.000000] nvme 0000:42:00.0: xen map irq failed -19 for 32752 domain ${EVIL}\nlibxl: error: libxl_pci.c:1:f: Couldn't open /sys/${EVIL}\n`,
  );
  mkdirSync(at(EVIL.replaceAll('/', '')));
  copyFileSync(at(name), at(`torn${name}`));
  writeFileSync(at(`torn${name}`), readFileSync(at(name)).subarray(0, -30));
}, 120_000);

/** Every verb with foreign text in all its arguments and in what it reads. */
const commands: Readonly<Record<string, () => readonly (readonly string[])[]>> = {
  demo: () => [['--out', at(`demo${EVIL}`)], [`--${EVIL}`]],
  scenarios: () => [[], [`--${EVIL}`]],
  record: () => [
    [EVIL, '-o', at('r.xpr')],
    ['two-bridges-swapped', '-o', at(`r${name}`)],
    ['two-bridges-swapped', '-o', at(`${EVIL}/none/r.xpr`)],
    ['two-bridges-swapped', '-o', at(EVIL)],
    ['two-bridges-swapped', '-o', at(`${name}.ndjson`)],
    ['two-bridges-swapped', '-o', at('r.xpr'), '--seed', EVIL],
    ['two-bridges-swapped', '-o', at('r.xpr'), '--policy', `${EVIL}=1`],
    ['two-bridges-swapped', '-o', at('r.xpr'), '--policy', `iommu=${EVIL}`],
    ['two-bridges-swapped', '-o', at('r.xpr'), '--switch', `xen=${EVIL}`],
    ['two-bridges-swapped', '-o', at('r.xpr'), '--dtb', at(name)],
  ],
  import: () => [
    [at(`${name}.ndjson`), '-o', at(`i${name}`)],
    [at(name), '-o', at('i.xpr')],
    [at(`none${name}`), '-o', at('i.xpr')],
    [at(name), '--format', EVIL, '-o', at('i.xpr')],
  ],
  diagnose: () => [[at(`log${name}`)], [at(`none${name}`)], [at(name)], [`--${EVIL}`]],
  symptoms: () => [
    [`--${EVIL}`],
    [`pciback 0000:05:00.0: seizing device ${EVIL}`],
    [`Couldn't open /sys/${EVIL}`],
    [EVIL],
  ],
  info: () => [[at(name)], [at(`torn${name}`)], [at(`none${name}`)]],
  show: () => [
    [at(name)],
    [at(`y${name}`)],
    [at(name), EVIL],
    [at(name), '--where', EVIL],
    [at(name), '--where', `by ~ '${EVIL}'`],
    [at(name), '--where', `"${EVIL}" == kind`],
    [at(name), `--${EVIL}`],
  ],
  explain: () => [
    ...Array.from({ length: 30 }, (_, seq) => [at(name), `${seq}`]),
    ...Array.from({ length: 30 }, (_, seq) => [at(`y${name}`), `${seq * 5}`]),
    [at(name), EVIL],
  ],
  state: () => [
    [at(name)],
    [at(`y${name}`)],
    [at(name), '--path', EVIL],
    [at(`y${name}`), '--at', 'last', '--diff', 'first'],
    [at(name), '--at', EVIL],
  ],
  replay: () => [[at(name)], [at(`y${name}`), '--all'], [at(name), '--policy', EVIL], [at(`torn${name}`)]],
  findings: () => [[at(name)], [at(`y${name}`)], [at(name), '--rule', EVIL]],
  'what-if': () => [
    [at(name), '--policy', 'segments.xen=told-by-dom0'],
    [at(`y${name}`), '--policy', 'iommu=off'],
    [at(name), '--policy', 'segments.xen=told-by-dom0', '-o', at(`w${name}`)],
    [at(name), '--variant', EVIL],
  ],
  diff: () => [
    [at(name), at(`y${name}`)],
    [at(name), at('plain.xpr')],
    [at(name), at(name), '--ignore', EVIL],
    [at(name), at(name), '--level', EVIL],
  ],
  check: () => [
    [at(name), at(`y${name}`), at(`torn${name}`)],
    [at(name), at(`torn${name}`), '--tap'],
    [at(name), at(`torn${name}`), '--junit', '-'],
    [at(name), at(`torn${name}`), '--sarif', '-'],
    [at(name), '--junit', at(`j${name}`)],
    [at(EVIL)],
    [at(`none${name}`)],
    [at(name), '--jobs', EVIL],
  ],
  export: () => [
    [at(name), '--to', 'ndjson', '-o', '-'],
    [at(name), '--to', 'ndjson', '-o', at(`e${name}`)],
    [at(name), '--to', EVIL, '-o', '-'],
  ],
  fsck: () => [[at(name)], [at(`torn${name}`)], [at(`torn${name}`), '--repair', at(`f${name}`)]],
  events: () => [[], [`--${EVIL}`]],
  policies: () => [[], [`--${EVIL}`]],
  rules: () => [[], [`--${EVIL}`]],
  devices: () => [[at(name)], [at(`y${name}`)], [at(name), '--at', EVIL], [at(`none${name}`)]],
  domains: () => [[at(name)], [at(`y${name}`)], [at(name), '--at', EVIL]],
  lspci: () => [[at(name)], [at(`y${name}`), '-xxx'], [at(name), '--names', EVIL], [at(name), '--at', EVIL]],
  completion: () => [
    ['bash'],
    [EVIL],
    ['words', '--', EVIL, ''],
    ['words', '--', 'record', 'x', '--policy', `iommu=${EVIL}`],
  ],
};

describe('text of others', () => {
  it('is pushed through every verb', () => {
    expect(Object.keys(commands).sort()).toEqual(verbs.map(({ usage }) => usage.split(' ')[0]!).sort());
  });

  it.each(Object.keys(commands))('stays text in %s', async (verb) => {
    let escapes = 0;
    for (const args of commands[verb]!()) {
      for (const more of [[], ['--json'], ['--quiet']]) {
        const shown = await onTerminal([verb, ...args, ...more]);
        expect([args, firstObeyed(shown)]).toEqual([args, '']);
        expect(shown).not.toMatch(/^\s*FORGED/m);
        expect(shown).not.toContain('xpr: BUG');
        if (shown.includes('\\u202e')) escapes += 1;
      }
    }
    expect(escapes).toBeGreaterThan(0);
  });

  it('stays text when the command itself is foreign', async () => {
    for (const args of [[EVIL], ['help', EVIL], [`--${EVIL}`], ['show', EVIL]]) {
      expect([args, firstObeyed(await onTerminal(args))]).toEqual([args, '']);
    }
  });

  it('stays text out of the log of another program', async () => {
    writeFileSync(at('esc.log'), 'pci_cfg_read m\u001b[2J\u001b]0;pwned\u0007ch 00:00.0 @0x0 -> 0x8086\n');
    const shown = [
      await onTerminal(['import', at('esc.log'), '-o', at('esc.xpr')]),
      await onTerminal(['show', at('esc.xpr')]),
      await onTerminal(['explain', at('esc.xpr'), '0']),
    ].join('');
    expect(firstObeyed(shown)).toBe('');
  });

  it('is told in a form that JSON reads back', async () => {
    const { out } = await good(['show', at(name), '0', '--json']);
    expect(JSON.parse(out).by).toBe(`${JSON.parse(out).by.split('\u001b')[0]}${EVIL}`);
  });
});

describe('a command line to be run', () => {
  const hard = [
    'a b.xpr',
    "it's.xpr",
    '-x.xpr',
    '--at',
    '#18',
    '~root',
    '$HOME',
    '!x',
    'a\\n',
    '',
    '=ls',
    EVIL,
    `'${EVIL}\\`,
  ];

  it.each(hard)('gives the shell the word back: %j', (word) => {
    const { stdout } = spawnSync('bash', ['-c', `printf %s ${shellWord(word)}`], { encoding: 'utf8' });
    expect(stdout).toBe(word);
    expect(visible(shellWord(word))).toBe(shellWord(word));
  });

  it('never takes a file for an option', async () => {
    expect(shellFile('-x.xpr')).toBe('./-x.xpr');
    expect(shellFile('--at')).toBe('./--at');
    expect(shellFile('-')).toBe('-');
  });

  it('names the file so that it is found again', async () => {
    const shown = await onTerminal(['import', at(`${name}.ndjson`), '-o', at(`y${name}`)]);
    const next = shown.trimEnd().split('\n').at(-1)!.trim();
    const words = spawnSync('bash', ['-c', `printf '%s\\0' ${next}`], { encoding: 'utf8' }).stdout.split(
      '\0',
    );
    expect(words[2]).toBe(at(`y${name}`));
  });
});
