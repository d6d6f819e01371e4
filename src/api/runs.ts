import { type DiffResult, diffTraces } from '../../replay/diff/diff.js';
import { parseIgnored } from '../../replay/diff/ignore.js';
import type { Level } from '../../replay/diff/levels.js';
import { type ReplayResult, replay as replayEvents } from '../../replay/run/replayer.js';
import { whatIf as rerun, type WhatIf } from '../../replay/run/what-if.js';
import { allProcessed } from '../events/broke-off.js';
import type { Findings } from '../rules/finding-book.js';
import { Judge } from '../rules/judge.js';
import { deviceModelsOf } from '../scenarios/device-models.js';
import { choosePolicies, otherSwitches } from '../state/trace-env.js';
import { compileWhere } from '../tell/where.js';
import type { Trace } from './trace.js';

/** Choices by name, as `--policy` and `--switch` take them: `{ iommu: 'off' }`. What is not named stays as recorded. */
export interface Choices {
  readonly policies?: Readonly<Record<string, string>>;
  readonly switches?: Readonly<Record<string, string>>;
}

/** How a trace is replayed. */
export interface ReplayChoices extends Choices {
  /** Divergences to keep, 1 unless given; all are counted. */
  readonly keep?: number;
}

/**
 * Decides every recorded input again and compares every outcome with the recorded one: `xpr replay`. Without other
 * choices a trace of any release gives no divergence.
 * @throws {Trouble} RUN-001 when a model gives way, RUN-002; POL-001 to POL-004 for choices that are none; as `Trace.read`
 */
export function replay(trace: Trace, { keep = 1, ...choices }: ReplayChoices = {}): ReplayResult {
  const result = replayEvents({ ...trace.env, ...chosen(trace, choices) }, trace.reader.batches(), { keep });
  allProcessed(result.events, trace.events);
  return result;
}

/** Which rules are asked. */
export interface FindingsChoices {
  /** Codes (`SEG-001`) or families (`SEG`) of rules; all rules unless given. */
  readonly rules?: readonly string[];
}

/**
 * What the rules say about a trace: `xpr findings`. `docs/rules` explains each rule.
 * @throws {Trouble} RUN-001 when a rule gives way, RUN-002; as `Trace.read`
 */
export function findings(trace: Trace, { rules }: FindingsChoices = {}): Findings {
  const judge = new Judge(trace.env, { only: rules ?? null });
  for (const batch of trace.reader.batches()) for (const event of batch) judge.see(event);
  allProcessed(judge.events, trace.events);
  return judge.found;
}

/** How two traces are compared. */
export interface DiffChoices {
  /** How closely: `raw`, `semantic` (unless given), `guest`, `hardware`. */
  readonly level?: Level;
  /** Payload fields that do not count, as `value` or `config.completed.value`. */
  readonly ignore?: readonly string[];
  /** Filter over the events that count. */
  readonly where?: string;
}

/**
 * Compares two traces by what they mean: `xpr diff`.
 * @throws {Trouble} DIFF-002 no such field, WHERE-001 to WHERE-003, RUN-001, RUN-002; as `Trace.read`
 */
export function diff(
  a: Trace,
  b: Trace,
  { level = 'semantic', ignore = [], where }: DiffChoices = {},
): DiffResult {
  const filter = where === undefined ? null : compileWhere(where);
  return diffTraces(a, b, { level, ignore: parseIgnored(ignore), where: filter });
}

/**
 * Decides the recorded inputs under other policies or releases and says what changes: `xpr what-if`. Device models of a
 * built-in scenario answer anew.
 * @throws {Trouble} POL-001 to POL-004, RUN-001 to RUN-003; as `Trace.read`
 */
export function whatIf(trace: Trace, choices: Choices): WhatIf {
  const { policies, switches } = chosen(trace, choices);
  const deviceModels = deviceModelsOf(trace.header, trace.env, { policies, switches });
  const result = rerun(trace.env, policies, trace.reader.batches(), { switches, deviceModels });
  allProcessed(result.events, trace.events);
  return result;
}

const chosen = ({ env }: Trace, { policies = {}, switches = {} }: Choices) => ({
  policies: choosePolicies(policies, env.policies),
  switches: otherSwitches(switches, env),
});
