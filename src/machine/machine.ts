import { from } from 'rxjs';
import type { TraceNs } from '../base/brand.js';
import { Prng } from '../base/prng.js';
import type { InputDraft, TraceEvent } from '../events/catalogue.js';
import { Engine } from '../models/engine.js';
import type { DeviceModel } from '../routing/device-model.js';
import { DeviceModels } from '../routing/device-models.js';
import { drain, type InputBatch, pipeline } from '../routing/pipeline.js';
import type { Env } from '../state/env.js';
import type { World } from '../state/world.js';
import type { Followed, MachineView, Program, Programs } from './program.js';

/** Trace time that one turn takes. */
export const TURN_NS = 1_000;

interface Running {
  readonly name: string;
  readonly generator: ReturnType<Program>;
  /** What the last input led to, handed over at the next turn. */
  followed: Followed;
  waitsFor: ((state: MachineView['state']) => boolean) | null;
  wakesAtNs: number;
}

/**
 * A running, recording machine: programs picked by a seeded scheduler, one input a turn, through the pipeline.
 * The same environment, programs and seed give the same events on every engine.
 * @param append Takes the events of each turn in log order.
 * @param models Device models: they take their turns when these are due, before programs.
 */
export function runMachine(
  env: Env,
  programs: Programs,
  seed: number,
  append: (events: readonly TraceEvent[]) => void,
  models: readonly DeviceModel[] = [],
): World {
  const engine = new Engine(env);
  const prng = new Prng(seed);
  const view: MachineView = {
    env,
    prng,
    get state() {
      return engine.state;
    },
  };
  let last: readonly TraceEvent[] = [];
  const servers = new DeviceModels(models);
  const source = from(turns(view, programs, servers, () => last));
  drain(pipeline(source, engine, append), (events) => {
    last = events;
    servers.see(events);
  });
  return engine.state;
}

/** Picks who acts next until nobody can. The pipeline has finished a turn before the next one is pulled. */
function* turns(
  view: MachineView,
  programs: Programs,
  servers: DeviceModels,
  last: () => Followed,
): Generator<InputBatch> {
  let running: Running[] = Object.entries(programs).map(([name, program]) => ({
    name,
    generator: program(view),
    followed: [],
    waitsFor: null,
    wakesAtNs: 0,
  }));
  let nowNs = 0;
  while (running.length > 0 || servers.nextNs < Number.POSITIVE_INFINITY) {
    if (servers.nextNs <= nowNs) {
      const turn = servers.take();
      if (turn === null) continue;
      nowNs += TURN_NS;
      yield [stamped(turn, nowNs)];
      continue;
    }
    const ready = running.filter(
      (one) => one.wakesAtNs <= nowNs && (one.waitsFor === null || one.waitsFor(view.state)),
    );
    if (ready.length === 0) {
      const wake = running.reduce(
        (soonest, one) => (one.wakesAtNs > nowNs ? Math.min(soonest, one.wakesAtNs) : soonest),
        servers.nextNs,
      );
      if (wake === Number.POSITIVE_INFINITY) return;
      nowNs = wake;
      continue;
    }
    const one = ready.length === 1 ? ready[0]! : view.prng.pick(ready);
    one.waitsFor = null;
    const { done, value } = one.generator.next(one.followed);
    one.followed = [];
    if (done === true) {
      running = running.filter((other) => other !== one);
    } else if ('until' in value) {
      one.waitsFor = value.until;
    } else if ('sleepNs' in value) {
      one.wakesAtNs = nowNs + value.sleepNs;
    } else {
      nowNs += TURN_NS;
      yield [stamped(value, nowNs)];
      one.followed = last();
    }
  }
}

function stamped(draft: InputDraft, nowNs: number): InputDraft {
  return draft.atNs === undefined ? ({ ...draft, atNs: nowNs as TraceNs } as InputDraft) : draft;
}
