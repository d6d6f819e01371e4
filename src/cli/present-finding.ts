import { record } from '../events/field.js';
import { formatFunction } from '../pci/function-id.js';
import { formatSbdf } from '../pci/sbdf.js';
import type { Platform } from '../platform/platform.js';
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

const evidenceField = record('values that prove a finding');

const colours = { error: 'red', warning: 'yellow', info: 'cyan' } as const;

/** One line a finding. */
export function findingLine({ rule, severity, seq, message }: Finding, width = 0): string {
  const place = `#${seq}`.padEnd(width === 0 ? 0 : width + 1);
  return `${rule}  ${coloured(severity.padEnd(7), colours[severity])}  ${place}  ${message}`;
}
