import { formatFunction } from '../pci/function-id.js';
import { formatSbdf } from '../pci/sbdf.js';
import type { Platform } from '../platform/platform.js';
import type { Finding } from '../rules/rule.js';

/** A finding as CLI.md has it. */
export function findingJson(finding: Finding, platform: Platform): Record<string, unknown> {
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
    evidence,
  };
}

/** One line a finding. */
export function findingLine({ rule, severity, seq, message }: Finding): string {
  return `${rule}  ${severity.padEnd(7)}  #${seq}  ${message}`;
}
