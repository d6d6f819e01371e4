import type { Divergence } from '../../replay/replayer.js';
import { errnoName } from '../base/errno.js';
import { hex } from '../base/hex.js';
import { type KindName, kindOf } from '../events/catalogue.js';
import { presentField } from '../events/present.js';
import { decidedBy } from '../models/sources.js';
import type { OpenTrace } from './trace-file.js';

/** A field's value as people read it: the catalogue says how, `ret` is an errno. */
function shown(kind: string, field: string, value: unknown, trace: OpenTrace): unknown {
  if (value === null || value === undefined) return null;
  const declared = kindOf(kind as KindName).fields[field];
  if (declared === undefined) return typeof value === 'number' ? hex(value) : value;
  return presentField(declared, value, trace.env.platform);
}

/** `firstDivergence` of CLI.md. */
export function divergenceJson(divergence: Divergence, trace: OpenTrace): Record<string, unknown> {
  const { seq, kind, field, expected, actual, causes } = divergence;
  return {
    seq,
    kind,
    field,
    expected: shown(kind, field, expected, trace),
    actual: shown(kind, field, actual, trace),
    rule: ruleOf(divergence, trace),
    causes,
  };
}

export function divergenceLines(divergence: Divergence, trace: OpenTrace): string[] {
  const { seq, kind, field, expected, actual, causes } = divergence;
  const text = (value: unknown): string =>
    field === 'ret' && typeof value === 'number'
      ? errnoName(value)
      : String(shown(kind, field, value, trace) ?? 'nothing');
  return [
    `#${seq} ${kind}: ${field} is ${text(expected)} in the log, the models say ${text(actual)}`,
    `  decided by ${ruleOf(divergence, trace)}`,
    ...(causes.length === 0 ? [] : [`  follows from ${causes.map((cause) => `#${cause}`).join(', ')}`]),
  ];
}

const ruleOf = ({ input }: Divergence, { reader }: OpenTrace): string => decidedBy(reader.eventAt(input));
