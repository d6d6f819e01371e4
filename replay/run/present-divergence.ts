import { errnoName } from '../../src/base/errno.js';
import { type KindName, kindOf, type TraceEvent } from '../../src/events/catalogue.js';
import type { TraceReader } from '../../src/log/reader.js';
import { decidedBy } from '../../src/models/sources.js';
import type { BridgeTable } from '../../src/pci/function-id.js';
import type { Env } from '../../src/state/env.js';
import { type Json, presentField } from '../../src/tell/present.js';
import { causesOf } from '../seek/causes.js';
import type { Divergence } from './replayer.js';
import type { Change } from './what-if.js';

/** Where a trace's divergence is looked at. */
interface Side {
  readonly reader: TraceReader;
  readonly env: Env;
}

/** `firstDivergence` as scripts read it. */
export interface PresentedDivergence {
  readonly seq: number;
  readonly kind: string;
  readonly field: string;
  readonly expected: Json;
  readonly actual: Json;
  readonly rule: string;
  readonly causes: readonly number[];
}

export function presentDivergence(divergence: Divergence, { reader, env }: Side): PresentedDivergence {
  const { seq, kind, field, expected, actual, input, causes } = divergence;
  return {
    seq,
    kind,
    field,
    expected: presentValue(kind, field, expected, env.platform),
    actual: presentValue(kind, field, actual, env.platform),
    rule: decidedBy(reader.eventAt(input)),
    causes,
  };
}

/** The same of a change another design brought: its place is the recorded event, its causes are found there. */
export function presentChange(change: Change, { reader, env }: Side): PresentedDivergence {
  const { seq, kind, field, expected, actual } = change;
  const event = reader.eventAt(seq);
  const causes = causesOf(reader, event);
  const root: TraceEvent = causes.at(-1) ?? event;
  return {
    seq,
    kind,
    field,
    expected: presentValue(kind, field, expected, env.platform),
    actual: presentValue(kind, field, actual, env.platform),
    rule: decidedBy(root),
    causes: causes.map((cause) => cause.seq),
  };
}

/**
 * One value of a field, or of a place inside one (`args.seg`), as the catalogue says people read it. Fields of the
 * envelope and texts stay as they are.
 */
export function presentValue(kind: string, field: string, value: unknown, table: BridgeTable): Json {
  if (value === null || value === undefined) return null;
  const [name, ...inside] = field.split('.');
  const declared = kindOf(kind as KindName).fields[name!];
  if (declared === undefined || typeof value === 'string') return value as Json;
  if (inside.length === 0) return presentField(declared, value, table);
  // Inside a record the name of the leaf says how its number is read.
  const leaf = inside.findLast((step) => !/^\d+$/.test(step)) ?? '';
  return (presentField(declared, { [leaf]: value }, table) as Readonly<Record<string, Json>>)[leaf] ?? null;
}

/** What a value looks like in a sentence: return codes by their errno. */
export function valueText(field: string, value: Json): string {
  if (value === null) return 'nothing';
  if (field === 'ret' && typeof value === 'number') return value < 0 ? errnoName(value) : String(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Two or three lines for people. */
export function divergenceLines(divergence: PresentedDivergence): string[] {
  const { seq, kind, field, expected, actual, rule, causes } = divergence;
  const claim =
    field === 'outcome' && expected === null
      ? `the models also say ${valueText(field, actual)}, the log has nothing there`
      : field === 'outcome'
        ? 'the models say nothing there'
        : `${field} is ${valueText(field, expected)} in the log, the models say ${valueText(field, actual)}`;
  return [
    `#${seq} ${kind}: ${claim}`,
    `  decided by ${rule}`,
    ...(causes.length === 0 ? [] : [`  follows from ${causes.map((cause) => `#${cause}`).join(', ')}`]),
  ];
}
