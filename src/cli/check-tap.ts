import type { CheckedTrace } from '../../replay/check/check-trace.js';

/** A check as TAP 14: one line a trace, with a YAML block where it is not the same. */
export function tap(results: readonly CheckedTrace[]): string[] {
  return [
    'TAP version 14',
    `1..${results.length}`,
    ...results.flatMap((result, i) => [
      `${result.status === 'same' ? 'ok' : 'not ok'} ${i + 1} - ${escaped(result.file)}`,
      ...diagnosis(result),
    ]),
  ];
}

function diagnosis({ status, mismatched, compared, firstDivergence, error }: CheckedTrace): string[] {
  if (status === 'same') return [];
  const facts: Record<string, unknown> =
    firstDivergence === null ? { status, ...error } : { status, mismatched, compared, ...firstDivergence };
  // JSON values are YAML values.
  return [
    '  ---',
    ...Object.entries(facts).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
    '  ...',
  ];
}

/** `#` would start a directive, a backslash an escape. */
const escaped = (text: string): string => text.replace(/[\\#]/g, '\\$&');
