import { Trouble } from '../base/errors.js';
import { shellFile } from '../base/shell-word.js';
import { allProcessed } from '../events/broke-off.js';
import type { TraceEvent } from '../events/catalogue.js';
import type { Block } from '../log/block-decode.js';
import { TraceReader } from '../log/reader.js';
import { recoveredText } from '../log/recovered.js';
import { fileStore } from '../log/stores/file-store.js';
import { bytesSource } from '../log/stores/memory-store.js';
import type { TraceSource } from '../log/stores/store.js';
import type { Platform } from '../platform/platform.js';
import { type OpenTrace as OpenedTrace, openTrace } from '../state/open-trace.js';
import { pipedInput } from './input.js';
import { say } from './io.js';
import { Progress } from './progress.js';

/** A trace opened for a verb. */
export interface OpenTrace extends OpenedTrace {
  /** As the user gave it; `-` for standard input. */
  readonly file: string;
}

/** Runs `use` on an open trace and closes it; errors name the file. */
export async function withTrace<T>(file: string, use: (trace: OpenTrace) => T | Promise<T>): Promise<T> {
  return withTraces([file], ([trace]) => use(trace!));
}

/** The same with several traces, whose progress is one. */
export async function withTraces<T>(
  files: readonly string[],
  use: (traces: readonly OpenTrace[]) => T | Promise<T>,
): Promise<T> {
  if (files.filter((file) => file === '-').length > 1) {
    throw new Trouble('CLI-012', 'standard input can be read only once', { actual: files.join(' ') });
  }
  const progress = new Progress();
  const traces: OpenTrace[] = [];
  try {
    for (const file of files) traces.push(open(file, progress));
    return await use(traces);
  } catch (error) {
    // Of several traces the one at fault is named where it is known.
    throw traces.length === 1 && isRunTrouble(error) ? error.inFile(traces[0]!.file) : error;
  } finally {
    progress.end();
    for (const { reader } of traces) reader.close();
  }
}

const isRunTrouble = (error: unknown): error is Trouble =>
  error instanceof Trouble && error.code.startsWith('RUN-');

/** Holds what a verb looked at against what the trace holds. @throws {Trouble} RUN-002 */
export function wholeTrace(processed: number, { file, reader }: OpenTrace): void {
  try {
    allProcessed(processed, reader.events);
  } catch (error) {
    throw inFile(error, file);
  }
}

function open(file: string, progress: Progress): OpenTrace {
  try {
    const watched = (source: TraceSource, { header, index }: TraceReader<Platform>) =>
      new WatchedReader(file, source, header, index, progress);
    const trace = { file, ...openTrace(openSource(file), watched) };
    const { recovered } = trace.reader;
    if (recovered !== null) say(`${file} ${recoveredText(recovered)}`);
    return trace;
  } catch (error) {
    throw inFile(error, file);
  }
}

/** A reader that says how far it is and names its file in errors. */
class WatchedReader extends TraceReader<Platform> {
  readonly #file: string;
  readonly #report: (done: number) => void;
  #saidSo = false;

  constructor(
    file: string,
    source: TraceSource,
    header: TraceReader<Platform>['header'],
    index: TraceReader['index'],
    progress: Progress,
  ) {
    super(source, header, index);
    this.#file = file;
    this.#report = progress.part(index.events);
  }

  /** What a block that cannot be read means is known here, where the file is. */
  override block(number: number): Block {
    try {
      const block = super.block(number);
      this.#report(block.firstSeq);
      return block;
    } catch (error) {
      throw inFile(error, this.#file);
    }
  }

  override leftAlone(nextSeq: number, why: Trouble | null): void {
    if (this.#saidSo) return;
    this.#saidSo = true;
    if (why === null) {
      say(
        `the snapshot before event ${nextSeq} is of another version's state: it is not used, all events are folded`,
      );
      return;
    }
    const { code, message } = why;
    const what = code.startsWith('RUN-') ? 'it does not bear the events after it' : `${code}: ${message}`;
    say(`the snapshot before event ${nextSeq} is not used: ${what}; the events before it are folded`);
    say(`xpr fsck ${shellFile(this.#file)} says what is damaged`);
  }
}

/** The error with the file it is about and, where there is one, the verb that helps. */
export function inFile(error: unknown, file: string): unknown {
  if (!(error instanceof Trouble)) return error;
  const hint = error.detail.hint ?? helpFor(error.code, file);
  const { code, message, detail } = error;
  return new Trouble(code, message, hint === null ? detail : { ...detail, hint }).inFile(file);
}

function helpFor(code: string, file: string): string | null {
  if (code === 'LOG-001') return 'xpr import makes traces of other formats';
  if (code === 'LOG-003')
    return `run xpr fsck ${shellFile(file)} --repair OUT.xpr to get back what was recorded`;
  if (/^LOG-0(0[4-9]|1[03])$/.test(code)) return `run xpr fsck ${shellFile(file)} to see what is damaged`;
  return null;
}

/** A stored trace, or all that a pipe gives. */
export function openSource(name: string): TraceSource {
  const piped = pipedInput(name);
  return piped === null ? fileStore.open(name) : bytesSource(piped);
}

/** Events block by block. */
export const batches = ({ reader }: OpenTrace): Generator<readonly TraceEvent[]> => reader.batches();
