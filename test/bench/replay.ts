import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replay } from '../../replay/run/replayer.js';
import { worldBefore } from '../../replay/seek/timeline.js';
import { TraceReader } from '../../src/log/reader.js';
import { fileStore } from '../../src/log/stores/file-store.js';
import { Recorder } from '../../src/machine/recorder.js';
import { findScenario } from '../../src/scenarios/index.js';
import { scenarioHeader } from '../../src/scenarios/run.js';
import { evolve, initialWorld } from '../../src/state/world.js';
import { enumerate, enumerationEnv as env } from './enumeration.js';
import { type Figure, rate, timed, timedCpu } from './log.js';

const SEEKS = 200;

/** Record, fold, replay and seek with state over `count` events of enumeration, through a file. */
export function benchReplay(count: number): Figure[] {
  const folder = mkdtempSync(join(tmpdir(), 'xpr-bench-'));
  const file = join(folder, 'enumeration.xpr');
  try {
    const header = scenarioHeader(findScenario('two-bridges-agreed')!, env, 1);
    const recorder = new Recorder(fileStore.create(file), header, env);
    const recording = measure(() => enumerate(count, (events) => recorder.append(events)));
    const { events, bytes } = recorder.finish();
    const reader = TraceReader.open(fileStore.open(file));
    const folding = measure(() => {
      const world = initialWorld(env);
      for (const batch of blocks(reader)) for (const event of batch) evolve(world, event, env);
    });
    let mismatched = 0;
    const replaying = measure(() => {
      mismatched = replay(env, blocks(reader), { keep: 1 }).mismatched;
    });
    if (mismatched !== 0) throw new Error(`${mismatched} outcomes differ`);
    const seeks = Array.from({ length: SEEKS }, (_, i) => (i * 7_919 * 1_009) % events).map((seq) =>
      measure(() => {
        worldBefore(reader, env, seq);
        reader.eventAt(seq);
      }),
    );
    reader.close();
    return [
      ...rates('machine: decide, fold twice, encode, write', events, recording),
      { name: 'enumeration trace on disk, snapshots included', value: bytes / events, unit: 'bytes/event' },
      ...rates('fold, from the file', events, folding),
      ...rates('replay: every input decided again, every outcome compared', events, replaying),
      ...spread(
        `seek with state to one of ${events} events`,
        seeks.map(({ ns }) => ns),
      ),
      ...spread(
        '  by processor time',
        seeks.map(({ cpuNs }) => cpuNs),
      ),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function* blocks(reader: TraceReader) {
  for (const block of reader.blocks()) yield block.events();
}

interface Spent {
  readonly ns: number;
  readonly cpuNs: number;
}

function measure(action: () => void): Spent {
  let ns = 0;
  const cpuNs = timedCpu(() => {
    ns = timed(action);
  });
  return { ns, cpuNs };
}

/** Median and worst. */
function spread(name: string, times: readonly number[]): Figure[] {
  const sorted = [...times].sort((a, b) => a - b);
  return [
    { name: `${name}, median`, value: sorted[sorted.length >> 1]! / 1e6, unit: 'ms' },
    { name: `${name}, worst of ${sorted.length}`, value: sorted.at(-1)! / 1e6, unit: 'ms' },
  ];
}

const rates = (name: string, events: number, { ns, cpuNs }: Spent): Figure[] => [
  rate(name, events, ns),
  rate('  by processor time', events, cpuNs),
];
