import { compareValues } from '../../replay/run/compare.js';
import { replay } from '../../replay/run/replayer.js';
import { whatIf } from '../../replay/run/what-if.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { MemoryStore } from '../../src/log/stores/memory-store.js';
import { Recorder } from '../../src/machine/recorder.js';
import { axes, type Policies } from '../../src/policy/axes.js';
import { type Switches, switchTable } from '../../src/policy/switches.js';
import { Judge } from '../../src/rules/judge.js';
import { runScenario, scenarioEnv, scenarioHeader } from '../../src/scenarios/run.js';
import type { Scenario } from '../../src/scenarios/scenario.js';
import type { Env } from '../../src/state/env.js';

/** One other value of one axis or switch. */
export interface Choice {
  readonly policies: Partial<Policies>;
  readonly switches: Partial<Switches>;
  /** `iommu=off` */
  readonly name: string;
  /** The axis or switch. */
  readonly of: string;
}

export interface Scanned {
  /** Choices tried, those passed over with a reason included. */
  readonly choices: number;
  /** Choices that no model, program, reducer or rule asked for: the run is the one without them. */
  readonly unread: number;
  readonly runs: number;
  /** `scenario choice: what went wrong` */
  readonly failures: readonly string[];
}

interface Run {
  readonly env: Env;
  readonly events: readonly TraceEvent[];
}

/** Values an axis with a pattern is tried with beside those it lists. */
const examples: Readonly<Record<string, string>> = { 'offset:N': 'offset:7' };

/** Every other value of every axis and switch than a run has. */
export function choicesBeside(env: Env): Choice[] {
  const others = (values: readonly string[], chosen: string): string[] =>
    values.map((value) => examples[value] ?? value).filter((value) => value !== chosen);
  const policies = Object.entries(axes).flatMap(([axis, { values }]) =>
    others(values, env.policies[axis as keyof Policies]).map((value) => ({
      policies: { [axis]: value } as Partial<Policies>,
      switches: {},
      name: `${axis}=${value}`,
      of: axis,
    })),
  );
  const switches = Object.entries(switchTable).flatMap(([name, { values }]) =>
    others(values, env.switches[name as keyof Switches]).map((value) => ({
      policies: {},
      switches: { [name]: value } as Partial<Switches>,
      name: `${name}=${value}`,
      of: name,
    })),
  );
  return [...policies, ...switches];
}

/**
 * Records a scenario under every other single choice, replays it, and goes to that design and back in what-if. A choice
 * that nobody asked for while the scenario ran as it is cannot change the run, and is only counted.
 * @param wanted Whether to try a choice that somebody asks for.
 */
export function scan(scenario: Scenario, wanted: (choice: Choice) => boolean = () => true): Scanned {
  const asked = new Set<string>();
  const own = record(scenario, {}, {}, asked);
  const failures: string[] = [];
  const attempt = (name: string, check: () => readonly string[]): void => {
    try {
      for (const failure of check()) failures.push(`${scenario.name} ${name}: ${failure}`);
    } catch (error) {
      failures.push(`${scenario.name} ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  attempt('as it is', () => [
    ...recordingFaults(own),
    ...sameRun(own, whatIfOf(scenario, own, own.env.policies)),
  ]);
  const choices = choicesBeside(own.env);
  const tried = choices.filter((choice) => asked.has(choice.of) && wanted(choice));
  for (const choice of tried) attempt(choice.name, () => tryChoice(scenario, own, choice));
  const unread = choices.filter(({ of }) => !asked.has(of)).length;
  return { choices: choices.length, unread, runs: tried.length, failures };
}

function tryChoice(scenario: Scenario, own: Run, { policies, switches }: Choice): string[] {
  const other = record(scenario, policies, switches);
  const failures = recordingFaults(other);
  failures.push(...sameRun(other, whatIfOf(scenario, other, other.env.policies)));
  if (Object.keys(policies).length === 0) return failures;
  const there = whatIfOf(scenario, own, other.env.policies);
  failures.push(...recordingFaults(there).map((fault) => `what-if: ${fault}`));
  const back = whatIfOf(scenario, there, own.env.policies);
  failures.push(...sameRun(own, back).map((fault) => `what-if back: ${fault}`));
  return failures;
}

function record(
  scenario: Scenario,
  policies: Partial<Policies>,
  switches: Partial<Switches>,
  asked: Set<string> | null = null,
): Run {
  const chosen = scenarioEnv(scenario, { seed: 1, policies, switches, platform: null });
  const env =
    asked === null
      ? chosen
      : { ...chosen, policies: watched(chosen.policies, asked), switches: watched(chosen.switches, asked) };
  const events: TraceEvent[] = [];
  const judge = new Judge(env);
  // Through the encoder too: a value that its field cannot have is found there.
  const recorder = new Recorder(
    new MemoryStore().create('scanned'),
    scenarioHeader(scenario, chosen, 1),
    chosen,
  );
  runScenario(scenario, env, 1, (batch) => {
    for (const event of batch) {
      judge.see(event);
      events.push(event);
    }
    recorder.append(batch);
  });
  recorder.finish(events.length);
  return { env: chosen, events };
}

/** Notes which choices are asked for. */
function watched<T extends Policies | Switches>(choices: T, asked: Set<string>): T {
  return new Proxy(choices, {
    get(target, name) {
      if (typeof name === 'string') asked.add(name);
      return Reflect.get(target, name);
    },
  });
}

function whatIfOf(scenario: Scenario, { env, events }: Run, policies: Policies): Run {
  const other = { ...env, policies };
  const out: TraceEvent[] = [];
  const header = { ...scenarioHeader(scenario, other, 1), policies };
  const recorder = new Recorder(new MemoryStore().create('scanned'), header, other);
  whatIf(env, policies, [events], {
    append: (batch) => {
      for (const event of batch) out.push(event);
      recorder.append(batch);
    },
    deviceModels: scenario.deviceModels?.(other) ?? [],
  });
  recorder.finish(out.length);
  return { env: other, events: out };
}

/** A log in order, in which nothing follows from what comes later, and which the models decide again. */
export function recordingFaults({ env, events }: Run): string[] {
  const faults: string[] = [];
  const place = events.findIndex(({ seq }, i) => seq !== i);
  if (place >= 0) faults.push(`#${place} has another number`);
  const early = events.find(({ seq, cause }) => cause !== null && cause >= seq);
  if (early !== undefined) faults.push(`#${early.seq} follows from #${early.cause}`);
  const result = replay(env, [events], { keep: 1 });
  if (result.events !== events.length) faults.push(`${result.events} of ${events.length} events replayed`);
  const first = result.divergences[0];
  if (first !== undefined) faults.push(`replay differs at #${first.seq} ${first.kind} ${first.field}`);
  return faults;
}

/**
 * Whether two runs say the same. A guest that waited longer under one design makes its next access later, and stays late
 * when the run goes back; a device model may then have its turn on the other side of that access. So where times differ
 * the order of turns does not count, what was said does.
 */
function sameRun({ events: one }: Run, { events: other }: Run): string[] {
  if (one.length !== other.length) return [`${other.length} events, not ${one.length}`];
  const isLate = one.some(({ atNs }, i) => atNs !== other[i]!.atNs);
  for (const [i, event] of one.entries()) {
    const difference = compareValues(event, other[i], '');
    if (difference === null || difference.field === 'atNs') continue;
    return isLate ? sameSayings(one, other) : [`#${i} ${event.kind} differs in ${difference.field}`];
  }
  return [];
}

function sameSayings(one: readonly TraceEvent[], other: readonly TraceEvent[]): string[] {
  const [left, right] = [one, other].map((events) => events.map(saying).sort());
  const at = left!.findIndex((text, i) => text !== right![i]);
  return at < 0 ? [] : [`says ${right![at]}, not ${left![at]}`];
}

/** An event without its place, its time and the places it names. */
const saying = ({ kind, by, data }: TraceEvent): string =>
  JSON.stringify({ kind, by, ...data, request: null });
