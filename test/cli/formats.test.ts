import { describe, expect, it } from 'vitest';
import { verbs } from '../../src/cli/verbs.js';
import { exporters, exportNames } from '../../src/exporters/registry.js';
import { formats } from '../../src/importers/registry.js';
import { TraceReader } from '../../src/log/reader.js';
import { MemoryStore } from '../../src/log/stores/memory-store.js';
import { Recorder } from '../../src/machine/recorder.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv, scenarioHeader } from '../../src/scenarios/run.js';
import { good, scratch, xpr } from './xpr.js';

const optionText = (verb: string, flag: string): string =>
  verbs.find(({ usage }) => usage.startsWith(verb))!.options.find(([flags]) => flags.startsWith(flag))![1];

describe('help', () => {
  it('names formats that import takes', () => {
    const [names] = optionText('import', '--format').replace(/^as /, '').split(';');
    const known = formats.map(({ name }) => name);
    expect(names!.split(/, | or /).filter((name) => !known.includes(name))).toEqual([]);
  });

  it('names every format that export writes', () => {
    expect(optionText('export', '--to').split(', ')).toEqual(exportNames);
  });
});

it('a format that is mistyped is refused with the one that may be meant', async () => {
  const file = scratch()('t.xpr');
  await good(['record', 'two-bridges-swapped', '-o', file]);
  const { code, err } = await xpr(['export', file, '--to', 'ndjsn', '-o', 'x']);
  expect([code, err]).toEqual([2, expect.stringMatching(/CLI-010[\s\S]*did you mean ndjson\?/)]);
});

describe.each(exportNames)('export --to %s', (name) => {
  const scenario = findScenario('two-bridges-swapped')!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const store = new MemoryStore();
  const recorder = new Recorder(store.create('t'), scenarioHeader(scenario, env, 1), env);
  runScenario(scenario, env, 1, (events) => recorder.append(events));
  recorder.finish();
  const reader = TraceReader.open(store.open('t'));
  const lines = async (): Promise<string[]> => {
    const { header, index } = reader;
    const events = reader.readEvents();
    const exporter = await exporters[name]!();
    return [...exporter.lines({ header, platform: env.platform, sources: index.sources, events })];
  };

  it('says something of every event, the same each time, and knows what it wrote', async () => {
    const once = await lines();
    expect(once.length).toBeGreaterThanOrEqual(reader.events);
    expect(await lines()).toEqual(once);
    expect(once.filter((line) => /[\r\n]/.test(line))).toEqual([]);
    const exporter = await exporters[name]!();
    const head = new TextEncoder().encode(`${once.join('\n')}\n`).subarray(0, 4096);
    expect(exporter.isOne(head)).toBe(true);
    expect(exporter.isOne(new TextEncoder().encode('root:x:0:0'))).toBe(false);
  });
});
