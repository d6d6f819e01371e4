import { Prng } from '../base/prng.js';
import type { TraceEvent } from '../events/catalogue.js';
import type { Env } from '../state/env.js';
import type { Followed, MachineView, Program, Programs } from './program.js';
import { type TurnOptions, Turns } from './turns.js';

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
 * @returns How many events there were.
 * @throws {Trouble} RUN-001 when a model gives way, RUN-003 when the machine does not come to rest
 */
export function runMachine(
  env: Env,
  programs: Programs,
  seed: number,
  append: (events: readonly TraceEvent[]) => void,
  options: TurnOptions = {},
): number {
  const turns = new Turns(env, append, options);
  const view: MachineView = {
    env,
    prng: new Prng(seed),
    get state() {
      return turns.state;
    },
  };
  let running: Running[] = Object.entries(programs).map(([name, program]) => ({
    name,
    generator: program(view),
    followed: [],
    waitsFor: null,
    wakesAtNs: 0,
  }));
  // Picks who acts next until nobody can.
  while (running.length > 0 || turns.dueNs < Number.POSITIVE_INFINITY) {
    if (turns.dueNs <= turns.nowNs) {
      turns.serve();
      continue;
    }
    const ready = running.filter((one) => isReady(one, turns));
    if (ready.length === 0) {
      const wake = nextWake(running, turns);
      if (wake === Number.POSITIVE_INFINITY) break;
      turns.waitUntil(wake);
      continue;
    }
    const one = ready.length === 1 ? ready[0]! : view.prng.pick(ready);
    if (!act(one, turns)) running = running.filter((other) => other !== one);
  }
  return turns.nextSeq;
}

const isReady = ({ wakesAtNs, waitsFor }: Running, turns: Turns): boolean =>
  wakesAtNs <= turns.nowNs && (waitsFor === null || waitsFor(turns.state));

/** When something happens by itself; infinity for a machine at rest. */
const nextWake = (running: readonly Running[], turns: Turns): number =>
  running.reduce(
    (soonest, { wakesAtNs }) => (wakesAtNs > turns.nowNs ? Math.min(soonest, wakesAtNs) : soonest),
    turns.dueNs,
  );

/** Lets a program go on; false when it has ended. */
function act(one: Running, turns: Turns): boolean {
  one.waitsFor = null;
  const { done, value } = one.generator.next(one.followed);
  one.followed = [];
  if (done === true) return false;
  // Programs that only ever look or sleep count too, or they could do so for ever.
  if ('until' in value || 'sleepNs' in value) turns.waitUntil(turns.nowNs);
  if ('until' in value) one.waitsFor = value.until;
  else if ('sleepNs' in value) one.wakesAtNs = turns.nowNs + value.sleepNs;
  else one.followed = turns.take(value);
  return true;
}
