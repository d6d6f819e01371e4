import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
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
  const heard = signals.filter((signal) => !isIgnored(signal));
  const listen = (signal: NodeJS.Signals): void => end(signal);
  const silence = (): void => {
    for (const signal of heard) process.off(signal, listen);
  };
  const end = (signal: NodeJS.Signals): void => {
    abandonUnfinished();
    silence();
    process.kill(process.pid, signal);
  };
  for (const signal of heard) process.on(signal, listen);
  try {
    const call = new Script('globalThis[Symbol.for("xpr.work")]()');
    Object.defineProperty(globalThis, Symbol.for('xpr.work'), { value: work, configurable: true });
    const breakOnSigint = heard.includes('SIGINT');
    return await (call.runInThisContext({ breakOnSigint }) as T | Promise<T>);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error;
    end('SIGINT');
    // The signal is on its way; nothing else may happen.
    return await new Promise<never>(() => {});
  } finally {
    silence();
  }
}

/**
 * Whether whoever started this process wants a signal ignored, as `nohup` does; where nobody can tell, that of the
 * terminal alone might be.
 */
function isIgnored(signal: (typeof signals)[number]): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    if (mask !== undefined)
      return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
  } catch {
    // A system without it.
  }
  return signal === 'SIGHUP';
}
