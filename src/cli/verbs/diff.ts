import { type DiffResult, diffTraces } from '../../../replay/diff/diff.js';
import { parseLevel } from '../../../replay/diff/levels.js';
import { required } from '../choices.js';
import { print, printJson, say } from '../io.js';
import { table } from '../table.js';
import { withTrace } from '../trace-file.js';
import type { RunVerb } from '../verbs.js';

/** Islands the text lists; JSON has all. */
const LISTED = 20;

export const run: RunVerb = ([one, other], options) =>
  withTrace(required(one, 'the first trace'), (a) =>
    withTrace(required(other, 'the second trace'), (b) => {
      const level = parseLevel(String(options['level'] ?? 'semantic'));
      const ignore = new Set((options['ignore'] ?? []) as readonly string[]);
      const result = diffTraces(a, b, { level, ignore });
      if (options['json'] === true) {
        const { firstDivergence: first, ...rest } = result;
        const firstDivergence = first && {
          ...first,
          aValue: first.aValue ?? null,
          bValue: first.bValue ?? null,
        };
        printJson({ schema: 'diff/1', level, ...rest, firstDivergence });
      } else {
        print(asText(result));
        const place = result.firstDivergence;
        if (place !== null && options['quiet'] !== true) {
          say(`next: xpr explain ${place.a === null ? `${b.file} ${place.b}` : `${a.file} ${place.a}`}`);
        }
      }
      return result.equal ? 0 : 1;
    }),
  );

function asText({ equal, firstDivergence, islands, matched, onlyInA, onlyInB, ignored }: DiffResult): string {
  const leftOut = Object.entries(ignored)
    .filter(([, n]) => n > 0)
    .map(([reason, n]) => `${n} differ in ${reason}`)
    .join(', ');
  const counts = `${matched} events match${leftOut === '' ? '' : ` (${leftOut} only)`}, ${onlyInA} only in A, ${onlyInB} only in B`;
  if (equal || firstDivergence === null) return `the same: ${counts}`;
  const { a, b, kind, field, aValue, bValue, causes } = firstDivergence;
  const place = (seq: number | null): string => (seq === null ? 'nothing' : `#${seq}`);
  return [
    `different: ${counts}`,
    `first: A ${place(a)}, B ${place(b)}: ${kind} ${field}: ${JSON.stringify(aValue ?? null)} and ${JSON.stringify(bValue ?? null)}`,
    ...(causes.length === 0 ? [] : [`  follows from ${causes.map((seq) => `#${seq}`).join(', ')}`]),
    table([
      ['  A', 'B', 'because of', 'states after'],
      ...islands
        .slice(0, LISTED)
        .map((island) => [
          `  ${island.aFrom}..${island.aTo}`,
          `${island.bFrom}..${island.bTo}`,
          `${place(island.root.a)} / ${place(island.root.b)}`,
          island.lasting === null ? '-' : island.lasting ? 'differ' : 'equal again',
        ]),
    ]),
    ...(islands.length > LISTED ? [`  and ${islands.length - LISTED} more`] : []),
  ].join('\n');
}
