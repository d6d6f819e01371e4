import { limits } from '../base/limits.js';
import type { RecordValue } from '../events/field.js';
import type { FunctionId } from '../pci/function-id.js';
import type { Finding, Severity } from './rule.js';

/** Findings of one rule about one function that are counted and not kept. */
export interface FindingsAlike {
  readonly rule: string;
  readonly severity: Severity;
  readonly function: FunctionId | null;
  readonly count: number;
  /** Place of the last one. */
  readonly lastSeq: number;
}

/** What rules found, as it is told. */
export interface Findings {
  /** Those that are kept, by place. */
  readonly kept: readonly Finding[];
  /** All of them. */
  readonly count: number;
  /** Those that are not kept, by what they are about. */
  readonly more: readonly FindingsAlike[];
}

interface Sort {
  kept: number;
  /** What is not kept; null: nothing yet. */
  more: { count: number; lastSeq: number } | null;
}

/**
 * Counts all findings and keeps the first of each rule about each function, so that a trace in which something goes wrong a
 * million times is told in bounded memory. The first one of a rule is always kept.
 */
export class FindingBook implements Findings {
  readonly kept: Finding[] = [];
  count = 0;
  readonly #sorts = new Map<string, Map<FunctionId | null, Sort>>();
  /** Findings about functions that have no entry of their own any more, by rule. */
  readonly #others = new Map<string, Sort>();
  readonly #severities = new Map<string, Severity>();
  /** Rules of which a finding is kept. */
  readonly #told = new Set<string>();
  #entries = 0;
  #characters = 0;

  add(finding: Finding): void {
    this.count += 1;
    this.#severities.set(finding.rule, finding.severity);
    const sort = this.#sortOf(finding);
    if (this.#keeps(sort, finding)) {
      sort.kept += 1;
      this.kept.push(finding);
      return;
    }
    sort.more ??= { count: 0, lastSeq: finding.seq };
    sort.more.count += 1;
    sort.more.lastSeq = finding.seq;
  }

  get more(): readonly FindingsAlike[] {
    const rows: FindingsAlike[] = [];
    const add = (rule: string, fn: FunctionId | null, { more }: Sort): void => {
      if (more !== null) rows.push({ rule, severity: this.#severities.get(rule)!, function: fn, ...more });
    };
    for (const [rule, sorts] of this.#sorts) for (const [fn, sort] of sorts) add(rule, fn, sort);
    for (const [rule, sort] of this.#others) add(rule, null, sort);
    return rows;
  }

  #keeps({ kept }: Sort, { rule, message, evidence }: Finding): boolean {
    const isFirst = !this.#told.has(rule);
    this.#told.add(rule);
    if (!isFirst && (kept >= limits.findingsAlike || this.kept.length >= limits.findings)) return false;
    const characters = message.length + charactersOf(evidence);
    if (!isFirst && this.#characters + characters > limits.findingCharacters) return false;
    this.#characters += characters;
    return true;
  }

  #sortOf({ rule, function: fn }: Finding): Sort {
    const sorts = this.#sorts.get(rule) ?? new Map<FunctionId | null, Sort>();
    this.#sorts.set(rule, sorts);
    const known = sorts.get(fn);
    if (known !== undefined) return known;
    const fresh: Sort = { kept: 0, more: null };
    if (this.#entries < limits.findings) {
      this.#entries += 1;
      sorts.set(fn, fresh);
      return fresh;
    }
    const others = this.#others.get(rule) ?? fresh;
    this.#others.set(rule, others);
    return others;
  }
}

/** Characters of the texts in evidence; one for every other value. */
function charactersOf(value: RecordValue): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 1;
  let sum = 0;
  for (const part of Array.isArray(value) ? value : Object.values(value)) sum += charactersOf(part);
  return sum;
}
