import type { InputEvent } from '../../src/events/catalogue.js';
import { Engine } from '../../src/models/engine.js';
import type { Env } from '../../src/state/env.js';
import type { World } from '../../src/state/world.js';

/** A part of the state that a decision looked at, with the value it found; undefined where nothing was. */
export interface StateRead {
  readonly path: readonly string[];
  readonly value: unknown;
}

/**
 * What the models read of the state while they decide an input: leaves only, each once, in order of reading.
 * @param world The world before the input; taken over.
 * @param limit Reads kept.
 */
export function readsOf(input: InputEvent, world: World, env: Env, limit: number): StateRead[] {
  const reads = new Map<string, StateRead>();
  const note = (path: readonly string[], value: unknown): void => {
    const key = path.join('.');
    if (reads.size < limit && !reads.has(key)) reads.set(key, { path, value });
  };
  new WatchedEngine(env, world, note).retrace(input);
  return [...reads.values()];
}

type Note = (path: readonly string[], value: unknown) => void;

/** Deciders look at the state through this engine's eyes; folding goes past them. */
class WatchedEngine extends Engine {
  readonly #note: Note;

  constructor(env: Env, world: World, note: Note) {
    super(env, world);
    this.#note = note;
  }

  override get state(): World {
    return watched(super.state, [], this.#note);
  }
}

function watched<T extends object>(target: T, path: readonly string[], note: Note): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof name === 'symbol' || typeof value === 'function') return value;
      const here = [...path, name];
      if (typeof value === 'object' && value !== null) return watched(value, here, note);
      if (!(Array.isArray(object) && name === 'length')) note(here, value);
      return value;
    },
    has(object, name) {
      if (typeof name === 'string') note([...path, name], Reflect.get(object, name));
      return Reflect.has(object, name);
    },
    getOwnPropertyDescriptor(object, name) {
      const descriptor = Reflect.getOwnPropertyDescriptor(object, name);
      if (descriptor === undefined && typeof name === 'string') note([...path, name], undefined);
      return descriptor;
    },
  });
}
