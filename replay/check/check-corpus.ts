import { Worker } from 'node:worker_threads';
import { type CheckedTrace, type CheckOptions, checkTrace, troubled } from './check-trace.js';

/** What a check needs of a thread. */
export type Thread = Pick<Worker, 'postMessage' | 'on' | 'terminate'>;

const startThread = (options: CheckOptions): Thread =>
  new Worker(new URL('./worker.js', import.meta.url), { workerData: options });

/**
 * Replays every file, at most `jobs` at a time, one thread a job. The results stand in the order of the files
 * whatever the jobs, and hold nothing that depends on them.
 * @param done Called with each result as it comes, in any order.
 * @param start Starts a thread.
 */
export async function checkCorpus(
  files: readonly string[],
  jobs: number,
  options: CheckOptions,
  done: (result: CheckedTrace) => void = () => {},
  start: (options: CheckOptions) => Thread = startThread,
): Promise<CheckedTrace[]> {
  const results: CheckedTrace[] = [];
  const keep = (at: number, result: CheckedTrace): void => {
    results[at] = result;
    done(result);
  };
  /** What a thread said just before it died is not to be relied on. */
  const distrust = (at: number, death: Error): void => {
    results[at] = troubled(files[at]!, death);
  };
  if (jobs <= 1 || files.length <= 1) {
    for (const [at, file] of files.entries()) keep(at, checkTrace(file, options));
    return results;
  }
  let next = 0;
  const lane = async (): Promise<void> => {
    let hand: Hand | null = null;
    let last = -1;
    while (next < files.length) {
      const at = next++;
      const file = files[at]!;
      // A thread that dies, out of memory perhaps, takes its file with it and not the corpus.
      if (hand?.death != null) {
        distrust(last, hand.death);
        hand = null;
      }
      hand ??= new Hand(start(options));
      last = at;
      try {
        keep(at, await hand.check(file));
      } catch (error) {
        keep(at, troubled(file, error));
      }
    }
    await hand?.dismiss();
    if (hand?.death != null) distrust(last, hand.death);
  };
  await Promise.all(Array.from({ length: Math.min(jobs, files.length) }, lane));
  return results;
}

/** A thread that checks one file after the other, and how it ended if it did so by itself. */
class Hand {
  readonly #thread: Thread;
  #death: Error | null = null;
  #isDismissed = false;
  #waiting: {
    readonly resolve: (result: CheckedTrace) => void;
    readonly reject: (error: Error) => void;
  } | null = null;

  constructor(thread: Thread) {
    this.#thread = thread;
    thread.on('message', (result: CheckedTrace) => this.#settle()?.resolve(result));
    thread.on('error', (error: unknown) =>
      this.#die(error instanceof Error ? error : new Error(String(error))),
    );
    thread.on('exit', (code: number) => this.#die(new Error(`the thread ended with ${code}`)));
  }

  /** Null while the thread lives, and after it was dismissed. */
  get death(): Error | null {
    return this.#death;
  }

  /** @throws what the thread died of, or an answer about another file */
  async check(file: string): Promise<CheckedTrace> {
    const result = await new Promise<CheckedTrace>((resolve, reject) => {
      if (this.#death !== null) {
        reject(this.#death);
        return;
      }
      this.#waiting = { resolve, reject };
      this.#thread.postMessage(file);
    });
    if (result.file === file) return result;
    throw new Error(`the thread answered about ${result.file}`);
  }

  async dismiss(): Promise<void> {
    this.#isDismissed = true;
    await this.#thread.terminate();
  }

  #settle(): { resolve: (result: CheckedTrace) => void; reject: (error: Error) => void } | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    return waiting;
  }

  #die(error: Error): void {
    if (this.#isDismissed) return;
    this.#death ??= error;
    this.#settle()?.reject(error);
  }
}
