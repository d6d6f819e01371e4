import { type DiffResult, diffTraces } from '../../../replay/diff/diff.js';
import { parseIgnored } from '../../../replay/diff/ignore.js';
import { parseLevel } from '../../../replay/diff/levels.js';
import type { Island } from '../../../replay/diff/side.js';
import { serverNames } from '../../../replay/explain/server-names.js';
import { presentValue, valueText } from '../../../replay/run/present-divergence.js';
import type { Json } from '../../tell/present.js';
import { table } from '../../tell/table.js';
import { compileWhere } from '../../tell/where.js';
import { required } from '../choices.js';
import { print, printJson, say, sayNext } from '../io.js';
import { type OpenTrace, withTraces } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

/** Islands the text lists; JSON has all. */
const LISTED = 20;

export const run: RunVerb = ([one, other], options) => {
  const level = parseLevel(String(options['level'] ?? 'semantic'));
  const ignore = parseIgnored((options['ignore'] ?? []) as readonly string[]);
  const where = typeof options['where'] === 'string' ? compileWhere(options['where']) : null;
  return withTraces([required(one, 'the first trace'), required(other, 'the second trace')], (traces) => {
    const [a, b] = [traces[0]!, traces[1]!];
    const result = presented(diffTraces(a, b, { level, ignore, where }), a, b);
    if (options['json'] === true)
      printJson({
        schema: 'diff/1',
        level,
        ...result,
        recovered: { a: a.reader.recovered, b: b.reader.recovered },
      });
    else print(asText(result, a, b));
    if (where !== null && result.matched + result.onlyInA + result.onlyInB === 0) {
      say(`0 of ${a.reader.events + b.reader.events} events match`);
    }
    const place = result.firstDivergence;
    if (place?.a != null) sayNext('explain', { file: a.file }, place.a);
    else if (place?.b != null) sayNext('explain', { file: b.file }, place.b);
    return result.equal ? 0 : 1;
  });
};

/** The result with the first difference's values as people and scripts read them. */
function presented(result: DiffResult, a: OpenTrace, b: OpenTrace) {
  const { firstDivergence: first, ...rest } = result;
  if (first === null) return { ...rest, firstDivergence: null };
  const value = (given: unknown, side: OpenTrace): Json =>
    presentValue(first.kind, first.field, given, side.env.platform);
  return {
    ...rest,
    firstDivergence: { ...first, aValue: value(first.aValue, a), bValue: value(first.bValue, b) },
  };
}

type Presented = ReturnType<typeof presented>;

/** A value of the first difference; servers with the program that made them. */
function valueIn({ reader }: OpenTrace, seq: number, field: string, value: Json): string {
  const text = valueText(field, value);
  const id = field === 'server' ? value : /^server:(\d+)$/.exec(String(value))?.[1];
  if (id === undefined || id === null) return text;
  const { data } = reader.eventAt(seq);
  return 'domid' in data && data.domid !== null
    ? serverNames(reader, seq).text(Number(data.domid), Number(id))
    : text;
}

/** What happened on either side of each island, in words. */
function saidLines(islands: readonly Island[]): string[] {
  return islands.flatMap(({ says, events }) => {
    if (says === null) return [];
    const side = (of: 'a' | 'b', name: string): string[][] => [
      ...says[of].map(({ seq, kind, text }) => [name, `#${seq}`, kind, text]),
      ...(events[of] > says[of].length ? [[name, '', '', `and ${events[of] - says[of].length} more`]] : []),
    ];
    return ['', ...table([...side('a', 'A'), ...side('b', 'B')])];
  });
}

function asText(result: Presented, left: OpenTrace, right: OpenTrace): string[] {
  const { equal, firstDivergence, islands, matched, onlyInA, onlyInB, ignored } = result;
  const leftOut = Object.entries(ignored)
    .filter(([, n]) => n > 0)
    .map(([reason, n]) => `${n} but for ${reason}`)
    .join(', ');
  const counts = `${matched === 1 ? '1 event matches' : `${matched} events match`}${leftOut === '' ? '' : ` (${leftOut})`}, ${onlyInA} only in A, ${onlyInB} only in B`;
  if (equal || firstDivergence === null) return [`the same: ${counts}`];
  const { a, b, kind, field, aValue, bValue, causes } = firstDivergence;
  const place = (seq: number | null): string => (seq === null ? '-' : `#${seq}`);
  const events = (from: number, to: number): string =>
    to <= from ? '-' : to === from + 1 ? `${from}` : `${from}..${to - 1}`;
  return [
    `different: ${counts}`,
    `  A is ${left.file}`,
    `  B is ${right.file}`,
    '',
    a === null || b === null
      ? `First difference: ${kind} ${a === null ? `#${b} is only in B` : `#${a} is only in A`}`
      : `First difference: ${kind} ${field}, ${valueIn(left, a, field, aValue)} in A #${a}, ${valueIn(right, b, field, bValue)} in B #${b}`,
    ...(causes.length === 0 ? [] : [`  follows from ${causes.map((seq) => `#${seq}`).join(', ')}`]),
    '',
    ...table([
      ['events in A', 'in B', 'because of A', 'of B', 'told by', 'states after'],
      ...islands
        .slice(0, LISTED)
        .map((island) => [
          events(island.aFrom, island.aTo),
          events(island.bFrom, island.bTo),
          place(island.root.a),
          place(island.root.b),
          island.told.join(', '),
          island.lasting === null ? 'not compared' : island.lasting ? 'differ' : 'equal again',
        ]),
    ]),
    ...saidLines(islands.slice(0, LISTED)),
    ...(islands.length > LISTED ? [`and ${islands.length - LISTED} more; --json has them all`] : []),
  ];
}
