import { abandonUnfinished } from '../log/unfinished.js';

/**
 * Runs work so that Ctrl-C takes unfinished files away and then ends the process as the signal does. Models run for
 * seconds without a turn of the event loop, in which a handler of signals is not heard: that part runs in a script
 * that Node can break off.
 */
export async function stoppable<T>(work: () => T | Promise<T>): Promise<T> {
  const { Script } = await import('node:vm');
  const end = (): void => {
    abandonUnfinished();
    process.off('SIGINT', end);
    process.kill(process.pid, 'SIGINT');
  };
  process.on('SIGINT', end);
  try {
    const call = new Script('globalThis[Symbol.for("xpr.work")]()');
    Object.defineProperty(globalThis, Symbol.for('xpr.work'), { value: work, configurable: true });
    return await (call.runInThisContext({ breakOnSigint: true }) as T | Promise<T>);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error;
    end();
    // The signal is on its way; nothing else may happen.
    return await new Promise<never>(() => {});
  } finally {
    process.off('SIGINT', end);
  }
}
