import { describe, expect, it } from 'vitest';
import { checkSnapshots } from '../../replay/seek/check-snapshots.js';
import { worldBefore } from '../../replay/seek/timeline.js';
import { TraceReader } from '../../src/log/reader.js';
import { MemoryStore } from '../../src/log/stores/memory-store.js';
import { TraceWriter } from '../../src/log/writer.js';
import type { Platform } from '../../src/platform/platform.js';
import { storedWorld } from '../../src/state/stored.js';
import { envOf } from '../../src/state/trace-env.js';
import { evolve, initialWorld, type World } from '../../src/state/world.js';
import { goldenSource } from './golden-source.js';

const original = TraceReader.open<Platform>(goldenSource('0.2.0', 'dsm-full-reinitialisation'));
const env = envOf(original.header);

/** The same trace with what `change` makes of the state as its snapshots; what the reader was told. */
function withSnapshots(change: (world: World) => unknown) {
  const store = new MemoryStore();
  const world = initialWorld(env);
  const writer = new TraceWriter(store.create('t'), original.header, { snapshot: () => change(world) });
  for (const event of original.readEvents()) {
    evolve(world, event, env);
    writer.append(event);
  }
  writer.finish();
  const { header, index } = TraceReader.open<Platform>(store.open('t'));
  const told: number[] = [];
  class Watched extends TraceReader<Platform> {
    override leftAlone(nextSeq: number): void {
      told.push(nextSeq);
    }
  }
  return { reader: new Watched(store.open('t'), header, index), told };
}

const atEnd = worldBefore(original, env, original.events);

describe('a snapshot', () => {
  it('is used and holds when it is what the events fold into', () => {
    const { reader, told } = withSnapshots((world) => storedWorld(world, env));
    expect(reader.index.snapshots.length).toBe(3);
    expect(worldBefore(reader, env, reader.events)).toEqual(atEnd);
    expect(told).toEqual([]);
    expect(checkSnapshots(reader, env)).toEqual({ wrong: [], foreign: 0 });
    expect(reader.digest).toBe(original.digest);
  });

  it.each<[string, (world: World) => unknown]>([
    ['nothing', () => [null]],
    ['the bare state of older releases', (world) => world],
    ['another shape', (world) => ({ ...storedWorld(world, env), shape: '00' })],
    ['a subject of another sort', (world) => storedWorld({ ...world, sleep: [] as never }, env)],
    ['no state', () => storedWorld(null as never, env)],
  ])('is left alone, which is said, when it holds %s', (_name, change) => {
    const { reader, told } = withSnapshots(change);
    expect(worldBefore(reader, env, reader.events)).toEqual(atEnd);
    expect(told.length).toBe(1);
    expect(checkSnapshots(reader, env)).toEqual({ wrong: [], foreign: 3 });
  });

  it('is found when it says other things than the events', () => {
    const { reader } = withSnapshots((world) =>
      storedWorld({ ...world, sleep: { ...world.sleep, forged: true } } as unknown as World, env),
    );
    expect(checkSnapshots(reader, env).wrong).toHaveLength(3);
  });
});
