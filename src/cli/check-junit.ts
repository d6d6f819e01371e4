import type { CheckedTrace } from '../../replay/check/check-trace.js';
import { divergenceLines } from '../../replay/run/present-divergence.js';
import { unseen } from '../base/visible.js';
import { recoveredText } from '../log/recovered.js';

/** A check as JUnit XML: a test case a trace, a divergence is a failure, an unreadable trace an error. No times. */
export function junit(results: readonly CheckedTrace[]): string {
  const count = (status: CheckedTrace['status']): number =>
    results.filter((result) => result.status === status).length;
  const counts = `tests="${results.length}" failures="${count('different')}" errors="${count('trouble')}" skipped="0"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="xpr check" ${counts}>`,
    `  <testsuite name="xpr check" ${counts}>`,
    ...results.map(testCase),
    '  </testsuite>',
    '</testsuites>',
  ].join('\n');
}

function testCase({ file, firstDivergence, mismatched, compared, recovered, error }: CheckedTrace): string {
  const open = `    <testcase classname="xpr.check" name="${escaped(file)}"`;
  if (firstDivergence !== null) {
    const text = divergenceLines(firstDivergence).join('\n');
    const message = `${mismatched} of ${compared} outcomes differ`;
    return `${open}>\n      <failure type="divergence" message="${escaped(message)}">${escaped(text)}</failure>\n    </testcase>`;
  }
  if (error !== null) {
    const text = [error.at, error.expected, error.actual, error.hint]
      .filter((part) => part !== null)
      .join('; ');
    return `${open}>\n      <error type="${escaped(error.code)}" message="${escaped(error.message)}">${escaped(text)}</error>\n    </testcase>`;
  }
  if (recovered !== null) {
    return `${open}>\n      <system-out>${escaped(`${file} ${recoveredText(recovered)}`)}</system-out>\n    </testcase>`;
  }
  return `${open}/>`;
}

/** XML 1.0 text: markup escaped, characters XML cannot hold replaced. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;')
    .replace(unseen, (character) => `&#${character.codePointAt(0)};`);
}
