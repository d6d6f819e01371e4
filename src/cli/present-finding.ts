import { record } from '../events/field.js';
import { formatFunction } from '../pci/function-id.js';
import { formatSbdf } from '../pci/sbdf.js';
import type { Platform } from '../platform/platform.js';
import type { Findings, FindingsAlike } from '../rules/finding-book.js';
import type { Finding } from '../rules/rule.js';
import { type Json, presentField } from '../tell/present.js';
import { coloured } from './io.js';

/** A finding as CLI.md has it. */
export function findingJson(finding: Finding, platform: Platform): Record<string, Json> {
  const { rule, severity, seq, message, evidence } = finding;
  return {
    rule,
    severity,
    seq,
    message,
    function: finding.function === null ? null : formatFunction(finding.function, platform),
    xenName: finding.xenName === undefined || finding.xenName === null ? null : formatSbdf(finding.xenName),
    dom0Name:
      finding.dom0Name === undefined || finding.dom0Name === null ? null : formatSbdf(finding.dom0Name),
    evidence: presentField(evidenceField, evidence, platform),
  };
}

/**
 * Findings as entries of a document: `findings` has those that are kept, `findingsTotal` counts all, `findingsMore` says of which
 * rule and function the others are.
 */
export function findingsJson({ kept, count, more }: Findings, platform: Platform): Record<string, Json> {
  return {
    findings: kept.map((finding) => findingJson(finding, platform)),
    findingsTotal: count,
    findingsMore: more.map(({ rule, severity, function: fn, count, lastSeq }) => ({
      rule,
      severity,
      function: fn === null ? null : formatFunction(fn, platform),
      count,
      lastSeq,
    })),
  };
}

/** `SEG-001  error  and 12345 more like it`, with the function and the last place. */
export function moreFindingsLine(
  { rule, severity, function: fn, count, lastSeq }: FindingsAlike,
  platform: Platform,
): string {
  const about = fn === null ? '' : ` about ${formatFunction(fn, platform)}`;
  return `${rule}  ${coloured(severity.padEnd(7), colours[severity])}  and ${count} more like it${about}, the last at #${lastSeq}`;
}

const evidenceField = record('values that prove a finding');

const colours = { error: 'red', warning: 'yellow', info: 'cyan' } as const;

/** One line a finding. */
export function findingLine({ rule, severity, seq, message }: Finding, width = 0): string {
  const place = `#${seq}`.padEnd(width === 0 ? 0 : width + 1);
  return `${rule}  ${coloured(severity.padEnd(7), colours[severity])}  ${place}  ${message}`;
}
