import { abandonUnfinished } from '../log/unfinished.js';

/** Signals that ask a program to end. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs work so that Ctrl-C, `kill` and the end of a terminal take unfinished files away and then end the process as the
 * signal does. Models run for seconds without a turn of the event loop, in which a handler of signals is not heard:
 * for Ctrl-C that part runs in a script that Node can break off, the others wait for the next turn.
 */
export async function stoppable<T>(work: () => T | Promise<T>): Promise<T> {
  const { Script } = await import('node:vm');
  const listen = (signal: NodeJS.Signals): void => end(signal);
  const silence = (): void => {
    for (const signal of signals) process.off(signal, listen);
  };
  const end = (signal: NodeJS.Signals): void => {
    abandonUnfinished();
    silence();
    process.kill(process.pid, signal);
  };
  for (const signal of signals) process.on(signal, listen);
  try {
    const call = new Script('globalThis[Symbol.for("xpr.work")]()');
    Object.defineProperty(globalThis, Symbol.for('xpr.work'), { value: work, configurable: true });
    return await (call.runInThisContext({ breakOnSigint: true }) as T | Promise<T>);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error;
    end('SIGINT');
    // The signal is on its way; nothing else may happen.
    return await new Promise<never>(() => {});
  } finally {
    // One that came while nothing was heard: the work is done, and the process ends as it was asked to.
    await new Promise((turn) => setImmediate(turn));
    silence();
  }
}
