import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Order } from './child.js';
import type { Token } from './token.js';
import type { Outcome } from './try-one.js';

/** A process that makes tries, watched from outside: it may hang, crash or be stopped by the system. */
export class TrialProcess {
  readonly #data: string | null;
  #child: ChildProcess | null = null;
  #said = '';

  /** @param data As `Corpus`. */
  constructor(data: string | null) {
    this.#data = data;
  }

  /** Makes a try. @param patienceMs How long it may take. */
  async make(token: Token, patienceMs: number): Promise<Outcome> {
    const answer = await this.#ask({ token, keep: null }, patienceMs);
    if (typeof answer === 'object') return answer;
    return { about: '', fault: answer, inputBytes: 0, peakMiB: 0 };
  }

  /** Writes a try's inputs into a folder. */
  async keep(token: Token, folder: string, patienceMs: number): Promise<void> {
    await this.#ask({ token, keep: folder }, patienceMs);
  }

  /** Ends the process; the next try has a new one. */
  stop(): void {
    this.#child?.removeAllListeners();
    // Disconnected, it clears up and ends.
    if (this.#child?.connected === true) this.#child.disconnect();
    this.#child = null;
  }

  /** Its answer, or in words why there is none. */
  async #ask(order: Order, patienceMs: number): Promise<Outcome | string> {
    const child = this.#child ?? (await this.#start());
    return new Promise((resolve) => {
      const end = (answer: Outcome | string): void => {
        clearTimeout(timer);
        child.removeAllListeners('message').removeAllListeners('exit');
        resolve(answer);
      };
      const timer = setTimeout(() => {
        this.#child = null;
        child.removeAllListeners('exit');
        child.kill('SIGKILL');
        end(`it has not ended after ${patienceMs / 1000} s`);
      }, patienceMs);
      child.once('message', (answer) => end(answer as Outcome | string));
      child.once('exit', (code, signal) => {
        this.#child = null;
        end(`the process died: ${signal ?? `exit ${code}`} ${this.#said.slice(-1_500)}`);
      });
      child.send(order);
    });
  }

  /** Waits for it to have loaded everything, which a busy machine takes long for and no try does. */
  async #start(): Promise<ChildProcess> {
    const child = fork(join(import.meta.dirname, 'child.js'), [this.#data ?? ''], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-8_000);
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', () => reject(new Error(`no try can be made: ${this.#said}`)));
    });
    child.removeAllListeners('exit');
    return child;
  }
}
