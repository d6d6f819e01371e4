import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replay } from '../../replay/replayer.js';
import { worldBefore } from '../../replay/timeline.js';
import { fileStore } from '../../src/log/file-store.js';
import { TraceReader } from '../../src/log/reader.js';
import { Recorder } from '../../src/machine/recorder.js';
import { findScenario } from '../../src/scenarios/index.js';
import { scenarioHeader } from '../../src/scenarios/run.js';
import { evolve, initialWorld } from '../../src/state/world.js';
import { enumerate, enumerationEnv as env } from './enumeration.js';
import type { Figure } from './log.js';

const SEEKS = 200;

/** Record, fold, replay and seek with state over `count` events of enumeration, through a file. */
export function benchReplay(count: number): Figure[] {
  const folder = mkdtempSync(join(tmpdir(), 'xpr-bench-'));
  const file = join(folder, 'enumeration.xpr');
  try {
    const recorder = new Recorder(
      fileStore.create(file),
      scenarioHeader(findScenario('two-bridges-agreed')!, env, 1),
      env,
    );
    const recording = seconds(() => {
      enumerate(count, (events) => recorder.append(events));
    });
    const { events, bytes } = recorder.finish();
    const reader = TraceReader.open(fileStore.open(file));
    const folding = seconds(() => {
      const world = initialWorld(env);
      for (const block of reader.blocks()) for (const event of block.events()) evolve(world, event, env);
    });
    let mismatched = 0;
    const replaying = seconds(() => {
      mismatched = replay(env, blocks(reader), { keep: 1 }).mismatched;
    });
    if (mismatched !== 0) throw new Error(`${mismatched} outcomes differ`);
    const seeks = Array.from({ length: SEEKS }, (_, i) => (i * 7_919 * 1_009) % events).map((seq) =>
      seconds(() => {
        worldBefore(reader, env, seq);
        reader.eventAt(seq);
      }),
    );
    seeks.sort((a, b) => a - b);
    reader.close();
    const rate = (time: number): number => events / time / 1e6;
    return [
      { name: 'machine: decide and record', value: rate(recording), unit: 'M events/s' },
      { name: 'enumeration trace on disk, snapshots included', value: bytes / events, unit: 'bytes/event' },
      { name: 'fold', value: rate(folding), unit: 'M events/s' },
      {
        name: 'replay: inputs decided again, every outcome compared',
        value: rate(replaying),
        unit: 'M events/s',
      },
      {
        name: `seek with state to one of ${events} events, median`,
        value: seeks[SEEKS >> 1]! * 1e3,
        unit: 'ms',
      },
      { name: 'seek with state, worst', value: seeks.at(-1)! * 1e3, unit: 'ms' },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function* blocks(reader: TraceReader) {
  for (const block of reader.blocks()) yield block.events();
}

function seconds(run: () => void): number {
  const before = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - before) / 1e9;
}
