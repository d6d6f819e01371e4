import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CheckedTrace } from '../../replay/check/check-trace.js';
import { divergenceLines } from '../../replay/run/present-divergence.js';

/** A check as SARIF 2.1.0: one result for every trace that is not the same. */
export function sarif(results: readonly CheckedTrace[]): string {
  const wrong = results.filter(({ status }) => status !== 'same');
  const ruleIds = [...new Set(wrong.map(ruleId))].sort();
  return JSON.stringify(
    {
      $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
      version: '2.1.0',
      runs: [
        {
          tool: {
            driver: {
              name: 'xpr',
              rules: ruleIds.map((id) => ({ id, shortDescription: { text: titles[id] ?? `trouble ${id}` } })),
            },
          },
          results: wrong.map((result) => ({
            ruleId: ruleId(result),
            ruleIndex: ruleIds.indexOf(ruleId(result)),
            level: 'error',
            message: { text: message(result) },
            locations: [{ physicalLocation: { artifactLocation: { uri: uri(result.file) } } }],
            properties: {
              status: result.status,
              firstDivergence: result.firstDivergence,
              error: result.error,
            },
          })),
        },
      ],
    },
    null,
    2,
  );
}

const titles: Readonly<Record<string, string>> = { divergence: 'An outcome is not what the trace holds' };

const ruleId = ({ error }: CheckedTrace): string => error?.code ?? 'divergence';

function message({ firstDivergence, error }: CheckedTrace): string {
  if (firstDivergence !== null) return divergenceLines(firstDivergence).join('\n');
  return `${error?.code}: ${error?.message}${error?.at == null ? '' : ` at ${error.at}`}`;
}

/** A relative reference for a relative path, so that the report can move with its corpus. */
function uri(file: string): string {
  if (isAbsolute(file)) return pathToFileURL(file).href;
  return file.split(/[\\/]/).map(encodeURIComponent).join('/');
}
