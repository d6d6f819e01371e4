import { couldJudge, type Diagnosis, diagnose } from '../../diagnose/diagnose.js';
import type { Evidence, Place } from '../../diagnose/evidence.js';
import { readReport } from '../../diagnose/read.js';
import type { Verdict } from '../../diagnose/verdict.js';
import { merge } from '../../importers/merge.js';
import { labelled } from '../../tell/wrap.js';
import { required } from '../choices.js';
import { print, printJson, say, sayNext } from '../io.js';
import { chooseOutput, type Output, outputKinds } from '../output.js';
import { type Report, readReportFiles, reportSources } from '../report-files.js';
import type { RunVerb } from '../verb.js';
import { passedOver, writeImport } from '../write-import.js';

const WIDTH = 80;
/** Lines shown under a verdict; the JSON has all. */
const MOST_LINES = 6;

export const run: RunVerb = async ([given], options) => {
  const names = (Array.isArray(given) ? given : [given]).map((name) => required(name, 'the report'));
  const output =
    typeof options['output'] === 'string' ? chooseTrace(options['output'], names, options) : null;
  const report = await readReportFiles(names);
  const { files } = report;
  const binaries = report.binaries.map(({ name }) => name);
  const evidence = readReport(files);
  const diagnosis = diagnose(evidence);
  if (options['json'] === true) printJson(document(evidence, diagnosis, binaries));
  else print(told(evidence, diagnosis));
  if (binaries.length > 0) say(`not judged, being no text: ${binaries.join(', ')}`);
  if (output !== null) await keep(output, report);
  if (!couldJudge(evidence)) return 3;
  return diagnosis.verdicts.length > 0 || diagnosis.unexplained.length > 0 ? 1 : 0;
};

const chooseTrace = (name: string, inputs: readonly string[], options: Parameters<RunVerb>[1]): Output =>
  chooseOutput(name, outputKinds.trace, { inputs, options });

/** Keeps what the report holds as a trace: facts about the machine, and what was observed. */
async function keep(output: Output, report: Report): Promise<void> {
  const { sources, sha256, unknown } = reportSources(report);
  const merged = await merge(sources, undefined, 'told');
  const { events, digest } = await writeImport(output, merged, () => sha256);
  say(`${output.name}: ${events} events, digest ${digest.slice(0, 16)}${passedOver(merged.counts())}`);
  if (unknown.length > 0) say(`not in the trace, their format not being known: ${unknown.join(', ')}`);
  sayNext('show', { file: output.name });
}

function told(evidence: Evidence, { verdicts, unexplained, needed, notes, first }: Diagnosis): string[] {
  const read = evidence.artefacts.map(
    ({ file, format, lines }) => `  ${file}: ${format}, ${plural(lines, 'line')}`,
  );
  const out = [
    `Read ${plural(evidence.sightings.length, 'known message')} and ${plural(evidence.listed.length, 'listed device')}${releases(evidence)}.`,
    ...read,
    ...(evidence.notUnderstood > 0
      ? [`  ${plural(evidence.notUnderstood, 'other line')} with nothing about PCI that is known here`]
      : []),
  ];
  if (!couldJudge(evidence)) {
    return [...out, '', 'Nothing here could be judged: no message and no device that is known.'];
  }
  if (first !== null) out.push('', `First error: ${where(first.place)}  ${first.place.text.trim()}`);
  for (const note of notes) out.push('', ...labelled('note  ', note.text, 0, WIDTH));
  verdicts.forEach((verdict, i) => {
    out.push('', ...inFull(verdict, i + 1));
  });
  if (unexplained.length > 0) {
    out.push('', 'Not explained:');
    for (const { place, message } of unexplained.slice(0, 20)) {
      out.push(`  ${where(place)}  ${place.text.trim()}`, ...labelled('', message.meaning, 4, WIDTH));
    }
  }
  if (verdicts.length === 0 && unexplained.length === 0)
    out.push('', 'Nothing wrong was found in what could be read.');
  if (needed.length > 0) {
    out.push('', 'What would settle the rest:', ...needed.flatMap((one) => labelled('- ', one, 2, WIDTH)));
  }
  return out;
}

function inFull(verdict: Verdict, n: number): string[] {
  const { device, what, why, cure, rule, releases: known, isOpen, lines } = verdict;
  return [
    ...labelled(`${n}. `, `${device === null ? '' : `${device}: `}${what}`, 0, WIDTH),
    ...labelled(isOpen ? 'maybe ' : 'why   ', why, 3, WIDTH),
    ...(cure === null ? [] : labelled('do    ', cure, 3, WIDTH)),
    ...known.flatMap((release) => labelled('in    ', release, 3, WIDTH)),
    ...(rule === null ? [] : [`   rule  ${rule} (xpr rules ${rule})`]),
    ...lines
      .slice(0, MOST_LINES)
      .map((place, i) => `   ${i === 0 ? 'seen  ' : '      '}${where(place)}  ${place.text.trim()}`),
    ...(lines.length > MOST_LINES ? [`         and ${plural(lines.length - MOST_LINES, 'more line')}`] : []),
  ];
}

const where = ({ file, line }: Place): string => `${file}:${line}`;

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

function releases({ releases: all }: Evidence): string {
  return all.length === 0 ? '' : `; ${all.map(({ project, version }) => `${project} ${version}`).join(', ')}`;
}

const placeJson = ({ file, line, text }: Place) => ({ file, line, text });

function document(evidence: Evidence, diagnosis: Diagnosis, binaries: readonly string[]): unknown {
  const version = (project: string): string | null =>
    evidence.releases.find((one) => one.project === project)?.version ?? null;
  return {
    schema: 'diagnose/1',
    verdicts: diagnosis.verdicts.map(({ lines, isOpen, releases: known, needed, ...verdict }) => ({
      ...verdict,
      open: isOpen,
      releases: known,
      needed,
      lines: lines.map(placeJson),
    })),
    timeline: diagnosis.timeline.map(({ id, device, boot, message, place }) => ({
      message: id,
      device,
      severity: message.severity,
      boot,
      ...placeJson(place),
    })),
    unexplained: diagnosis.unexplained.map(({ id, device, message, place }) => ({
      message: id,
      device,
      meaning: message.meaning,
      ...placeJson(place),
    })),
    first: diagnosis.first === null ? null : placeJson(diagnosis.first.place),
    needed: diagnosis.needed,
    notes: diagnosis.notes.map(({ text, lines }) => ({ text, lines: lines.map(placeJson) })),
    releases: { xen: version('xen'), linux: version('linux'), qemu: version('qemu') },
    artefacts: [
      ...evidence.artefacts.map(({ file, format, lines }) => ({
        file,
        format,
        boot: null,
        lines,
        skipped: 0,
      })),
      ...binaries.map((file) => ({ file, format: null, boot: null, lines: 0, skipped: 1 })),
    ],
    notUnderstood: evidence.notUnderstood,
  };
}
