import { Worker } from 'node:worker_threads';
import { type CheckedTrace, type CheckOptions, checkTrace, troubled } from './check-trace.js';

/**
 * Replays every file, at most `jobs` at a time, one thread a job. The results stand in the order of the files
 * whatever the jobs, and hold nothing that depends on them.
 * @param done Called with each result as it comes, in any order.
 */
export async function checkCorpus(
  files: readonly string[],
  jobs: number,
  options: CheckOptions,
  done: (result: CheckedTrace) => void = () => {},
): Promise<CheckedTrace[]> {
  const results: CheckedTrace[] = [];
  const keep = (at: number, result: CheckedTrace): void => {
    results[at] = result;
    done(result);
  };
  if (jobs <= 1 || files.length <= 1) {
    for (const [at, file] of files.entries()) keep(at, checkTrace(file, options));
    return results;
  }
  let next = 0;
  const lane = async (): Promise<void> => {
    let worker: Worker | null = null;
    while (next < files.length) {
      const at = next++;
      const file = files[at]!;
      worker ??= new Worker(new URL('./worker.js', import.meta.url), { workerData: options });
      try {
        keep(at, await ask(worker, file));
      } catch (error) {
        // A thread that died, out of memory perhaps, takes one file with it and not the corpus.
        worker = null;
        keep(at, troubled(file, error));
      }
    }
    await worker?.terminate();
  };
  await Promise.all(Array.from({ length: Math.min(jobs, files.length) }, lane));
  return results;
}

/** One question to a thread. Only our own listeners are taken away: the thread object has some of its own. */
function ask(worker: Worker, file: string): Promise<CheckedTrace> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void): void => {
      worker.off('message', answered).off('error', reject).off('exit', ended);
      end();
    };
    const answered = (result: CheckedTrace): void => settle(() => resolve(result));
    const ended = (code: number): void => settle(() => reject(new Error(`the thread ended with ${code}`)));
    worker.on('message', answered).on('error', reject).on('exit', ended);
    worker.postMessage(file);
  });
}
