import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { recordingText } from '../recording.js';
import { type Row, RowBuilder } from '../row.js';
import type { LifeCycle, Texts } from './life-cycle.js';
import { type Printed, printedMessages } from './printed.js';
import { isOwnProof, whyLeft } from './unmodelled-messages.js';

const JOB_LOG = 'job.log';

/**
 * Errors and warnings about devices. A process of xl that has a file of its own printed all of it and nothing else, in
 * order; one that has none printed into the job's log, which may repeat what stands in other files, then all of it. Every
 * message of the models has to be in one of the two. Null when neither side says anything.
 */
export function messageRow(set: string, name: string, run: string, life: LifeCycle): Row | null {
  const row = new RowBuilder(set, `${name}: messages of xl`);
  const judged = (file: string): readonly Printed[] =>
    printedMessages(recordingText(run, file) ?? '').filter((message) => {
      const why =
        whyLeft(message) ??
        (!life.namesCommands && isOwnProof(message)
          ? 'no file names the command that this message is the only trace of'
          : null);
      if (why !== null) row.unmodelled(why);
      return why === null;
    });

  const own = logFiles(run)
    .filter((file) => file !== JOB_LOG)
    .map((file) => ({ file, said: judged(file) }))
    .filter(({ said }) => said.length > 0);
  const processes = life.printed().filter((said) => said.length > 0);
  /** File of each process that one is known to belong to. */
  const files = new Map<number, string>();
  const strangers = own.filter(({ file, said }) => {
    const at = processes.findIndex((one, i) => !files.has(i) && isSameSequence(said, one));
    if (at < 0) return true;
    files.set(at, file);
    for (const message of said) row.compare(file, 'message', message.text, message.text);
    return false;
  });

  const jobLog = judged(JOB_LOG);
  const repeated = inOrder(jobLog, processes);
  const left = processes.flatMap((_, i) => (files.has(i) || repeated.includes(i) ? [] : [i]));
  // A file nobody printed all of belongs to the process that printed most of it.
  for (const { file, said } of strangers) {
    const shared = (i: number): number => common(said, processes[i]!).length;
    const candidates = [...left, ...repeated.filter((i) => !files.has(i))];
    const best = candidates.toSorted((a, b) => shared(b) - shared(a))[0];
    if (best !== undefined) files.set(best, file);
    hold(row, file, said, best === undefined ? [] : processes[best]!);
  }
  const isForeground = (i: number): boolean => files.has(i) && !files.get(i)!.includes('/');
  const filed = processes.flatMap((_, i) => (isForeground(i) ? [i] : []));
  const both = filed.filter((i) => repeated.includes(i));
  const isDigest = both.length * 2 > filed.length;
  if (isDigest && life.isComplete) {
    // Every command went through the same script: what it printed stands in a file of its own and in the job's log.
    for (const i of repeated) if (!files.has(i)) hold(row, 'a file of its own', [], processes[i]!);
  }
  const inLog = processes.flatMap((_, i) =>
    repeated.includes(i) || !files.has(i) || (isDigest && isForeground(i)) ? [i] : [],
  );
  hold(
    row,
    JOB_LOG,
    jobLog,
    inLog.flatMap((i) => processes[i]!),
  );
  const result = row.row();
  return result.total > 0 ? result : null;
}

const isSame = (said: Printed, known: Printed): boolean =>
  said.text === known.text && (said.domid === null || said.domid === known.domid);

const isSameSequence = (said: readonly Printed[], known: readonly Printed[]): boolean =>
  said.length === known.length && said.every((message, i) => isSame(message, known[i]!));

/** Processes whose messages the job's log has, one after the other. */
function inOrder(jobLog: readonly Printed[], processes: readonly (readonly Printed[])[]): readonly number[] {
  let at = 0;
  return processes.flatMap((said, i) => {
    const found = jobLog.findIndex(
      (_, j) => j >= at && isSameSequence(jobLog.slice(j, j + said.length), said),
    );
    if (found < 0) return [];
    at = found + said.length;
    return [i];
  });
}

/** Index pairs of a longest common subsequence. @cost O(n·m), dozens each */
function common(a: readonly Printed[], b: readonly Printed[]): readonly (readonly [number, number])[] {
  const length = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      length[i]![j] = isSame(a[i]!, b[j]!)
        ? length[i + 1]![j + 1]! + 1
        : Math.max(length[i + 1]![j]!, length[i]![j + 1]!);
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (isSame(a[i]!, b[j]!)) pairs.push([i++, j++]);
    else if (length[i + 1]![j]! >= length[i]![j + 1]!) i += 1;
    else j += 1;
  }
  return pairs;
}

/** Both sides in order; what stands on one side only is a mismatch. */
function hold(row: RowBuilder, file: string, said: readonly Printed[], known: readonly Printed[]): void {
  let [i, j] = [0, 0];
  const apart = (untilSaid: number, untilKnown: number): void => {
    for (; i < untilSaid || j < untilKnown; i++, j++) {
      const [expected, actual] = [
        i < untilSaid ? textOf(said[i]!) : null,
        j < untilKnown ? textOf(known[j]!) : null,
      ];
      row.check(false, () => ({
        at: file,
        input: 'message',
        expected: expected ?? 'nothing',
        actual: actual ?? 'nothing',
      }));
    }
    [i, j] = [untilSaid, untilKnown];
  };
  for (const [atSaid, atKnown] of common(said, known)) {
    apart(atSaid, atKnown);
    row.compare(file, 'message', said[i]!.text, known[j]!.text);
    [i, j] = [atSaid + 1, atKnown + 1];
  }
  apart(said.length, known.length);
}

const textOf = ({ domid, text }: Printed): string => (domid === null ? text : `d${domid} ${text}`);

/** What a folder holds about the commands of its recording. */
export function textsOf(run: string): Texts {
  const [, ...logs] = logFiles(run);
  const configs = readdirSync(run).filter((file) => file.endsWith('.cfg'));
  const read = (file: string): string => recordingText(run, file) ?? '';
  return { jobLog: read(JOB_LOG), logs: logs.map(read), configs: configs.map(read) };
}

/** Files that hold what xl printed, the job's log first. */
function logFiles(run: string): readonly string[] {
  const logsIn = (folder: string): readonly string[] => {
    const path = join(run, folder);
    if (!existsSync(path)) return [];
    return readdirSync(path)
      .filter((file) => /xl-.*\.log(\.xz)?$/.test(file))
      .toSorted()
      .map((file) => join(folder, file.replace(/\.xz$/, '')));
  };
  return [JOB_LOG, ...logsIn(''), ...logsIn('log-xen')];
}
