import { availableParallelism } from 'node:os';
import { checkCorpus } from '../../../replay/check/check-corpus.js';
import type { CheckedTrace } from '../../../replay/check/check-trace.js';
import { type CorpusFile, corpus } from '../../../replay/check/corpus.js';
import { divergenceLines } from '../../../replay/run/present-divergence.js';
import { counted } from '../../base/counted.js';
import { Trouble } from '../../base/errors.js';
import { recoveredText } from '../../log/recovered.js';
import { compileWhere } from '../../tell/where.js';
import { junit } from '../check-junit.js';
import { sarif } from '../check-sarif.js';
import { tap } from '../check-tap.js';
import { required, wholeNumber } from '../choices.js';
import { type ExitCode, print, printJson, say, sayNext } from '../io.js';
import { chooseOutput, type Output, outputKinds } from '../output.js';
import { Progress } from '../progress.js';
import type { RunVerb } from '../verb.js';

/** Bytes of traces that are worth a thread of their own. */
const JOB_BYTES = 1 << 20;
const MOST_JOBS = 1_024;

export const run: RunVerb = async ([given], options): Promise<ExitCode> => {
  const paths = (Array.isArray(given) ? given : [given]).map((path) => required(path, 'the path'));
  const json = options['json'] === true;
  const where = typeof options['where'] === 'string' ? options['where'] : null;
  if (where !== null) compileWhere(where);
  const files = corpus(paths);
  const jobs = jobsFor(files, options['jobs']);
  const reports = chooseReports(files, options);
  const results = await checkedWithProgress(files, jobs, where);
  for (const { output, format } of reports) {
    await output.write((target) => {
      target.write(Buffer.from(`${format(results)}\n`));
      target.commit();
    });
    if (!output.isStandard) say(`${output.name} written`);
  }
  const count = (status: CheckedTrace['status']): number =>
    results.filter((result) => result.status === status).length;
  const [same, different, trouble] = [count('same'), count('different'), count('trouble')];
  if (json) {
    printJson({ schema: 'check/1', total: results.length, same, different, trouble, results });
  } else if (options['tap'] === true) print(tap(results));
  else if (!reports.some(({ output }) => output.isStandard)) {
    for (const result of results) if (result.status !== 'same') print(lines(result));
    print([
      `${counted(results.length, 'trace')}: ${same} same, ${different} different, ${trouble} in trouble`,
    ]);
  }
  if (where !== null && results.every(({ matching }) => matching === 0)) {
    say(`0 of ${results.reduce((sum, { events }) => sum + events, 0)} events match`);
  }
  for (const { file, recovered } of results)
    if (recovered !== null) say(`${file} ${recoveredText(recovered)}`);
  suggest(results);
  // For git bisect a divergence decides, whatever else could not be read.
  if (different > 0 && (trouble === 0 || options['bisect'] === true)) return 1;
  return trouble > 0 ? 2 : 0;
};

/** As many threads as there is work for, unless the user says. @throws {Trouble} CLI-002, CLI-014 */
function jobsFor(files: readonly CorpusFile[], given: unknown): number {
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const jobs = wholeNumber(
    given,
    '--jobs',
    Math.min(availableParallelism(), Math.max(1, Math.ceil(bytes / JOB_BYTES))),
  );
  if (jobs >= 1 && jobs <= MOST_JOBS) return jobs;
  throw new Trouble('CLI-014', 'no such number of jobs', {
    actual: `${jobs}`,
    expected: `1 to ${MOST_JOBS}`,
  });
}

async function checkedWithProgress(
  files: readonly CorpusFile[],
  jobs: number,
  where: string | null,
): Promise<CheckedTrace[]> {
  const progress = new Progress();
  const report = progress.part(null);
  let events = 0;
  try {
    return await checkCorpus(
      files.map(({ file }) => file),
      jobs,
      { where },
      (result) => {
        events += result.events;
        report(events);
      },
    );
  } finally {
    progress.end();
  }
}

/** The reports asked for, looked at before the work. @throws {Trouble} as `chooseOutput` */
function chooseReports(files: readonly CorpusFile[], options: Readonly<Record<string, unknown>>) {
  const inputs = files.map(({ file }) => file);
  const chosen: { readonly output: Output; readonly format: (results: readonly CheckedTrace[]) => string }[] =
    [];
  for (const [name, format] of [
    ['junit', junit],
    ['sarif', sarif],
  ] as const) {
    const file = options[name];
    if (typeof file !== 'string') continue;
    const others = chosen.map(({ output }) => output.name);
    chosen.push({ output: chooseOutput(file, outputKinds[name], { inputs, others, options }), format });
  }
  const onStandard = chosen.filter(({ output }) => output.isStandard).map(({ output }) => output.name);
  if (options['tap'] === true && (options['json'] === true || onStandard.length > 0)) {
    throw new Trouble('CLI-013', 'standard output takes one report', {
      actual: ['--tap', ...(options['json'] === true ? ['--json'] : []), ...onStandard].join(', '),
      hint: 'leave the others out or name a file',
    });
  }
  return chosen;
}

function lines({ file, firstDivergence, mismatched, compared, error }: CheckedTrace): string[] {
  if (firstDivergence !== null) {
    const [first, ...more] = divergenceLines(firstDivergence);
    return [`different  ${file}: ${mismatched} of ${counted(compared, 'outcome')}, first ${first}`, ...more];
  }
  const place = error?.at == null ? '' : ` at ${error.at}`;
  return [`trouble    ${file}: ${error?.code}: ${error?.message}${place}`];
}

function suggest(results: readonly CheckedTrace[]): void {
  const different = results.find(({ status }) => status === 'different');
  const trouble = results.find(({ status }) => status === 'trouble');
  if (different?.firstDivergence) sayNext('explain', { file: different.file }, different.firstDivergence.seq);
  else if (trouble?.error?.code.startsWith('LOG') === true && !/^LOG-0(01|12)$/.test(trouble.error.code))
    sayNext('fsck', { file: trouble.file });
}
