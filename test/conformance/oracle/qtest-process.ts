import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Duplex, Readable, Writable } from 'node:stream';

/** What a real QEMU answered to one command, and the interrupt lines that changed before. */
export interface Spoken {
  readonly reply: string;
  readonly async: readonly string[];
}

/** A QEMU whose processor never runs: qtest on its standard input and output, its monitor on a fourth descriptor. */
export class QtestProcess {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #lines: AsyncIterator<string>;
  readonly #monitor: Duplex;
  readonly #messages: AsyncIterator<string>;
  #greeted = false;

  constructor(program: string, args: readonly string[], ramMib: number) {
    const fixed = ['-nodefaults', '-display', 'none', '-accel', 'tcg', '-S'];
    const qtest = ['-qtest', 'stdio', '-qtest-log', 'none'];
    const monitor = ['-chardev', `socket,id=monitor,fd=${MONITOR}`, '-mon', 'chardev=monitor,mode=control'];
    this.#child = spawn(program, [...args, '-m', String(ramMib), ...fixed, ...qtest, ...monitor], {
      stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
    });
    this.#input = this.#child.stdin!;
    this.#monitor = this.#child.stdio[MONITOR] as Duplex;
    // A QEMU that died answers no more; `command` says so.
    this.#input.on('error', () => {});
    this.#monitor.on('error', () => {});
    this.#lines = linesOf(this.#child.stdout!);
    this.#messages = linesOf(this.#monitor);
  }

  /** Sends one line and waits for its reply; `qmp …` goes to the monitor. Null when QEMU is gone. */
  async command(line: string): Promise<Spoken | null> {
    return line.startsWith('qmp ') ? this.#ask(line.slice(4)) : this.#say(line);
  }

  async #say(line: string): Promise<Spoken | null> {
    this.#input.write(`${line}\n`);
    const async: string[] = [];
    for (;;) {
      const next = await this.#lines.next();
      if (next.done === true) return null;
      if (!next.value.startsWith('IRQ ')) return { reply: next.value, async };
      async.push(next.value);
    }
  }

  async #ask(request: string): Promise<Spoken | null> {
    if (!this.#greeted) {
      this.#greeted = true;
      if ((await this.#message()) === null) return null;
      this.#monitor.write('{"execute": "qmp_capabilities"}\n');
      if ((await this.#message()) === null) return null;
    }
    this.#monitor.write(`${request}\n`);
    const reply = await this.#message();
    // What the request did to interrupt lines stands in the other stream, before the next reply.
    const after = reply === null ? null : await this.#say('endianness');
    return reply === null || after === null ? null : { reply, async: after.async };
  }

  /** The next message that is no event. */
  async #message(): Promise<string | null> {
    for (;;) {
      const next = await this.#messages.next();
      if (next.done === true) return null;
      const text = next.value.trim();
      if (text !== '' && !text.startsWith('{"timestamp"')) return text;
    }
  }

  stop(): void {
    this.#monitor.destroy();
    this.#child.kill('SIGKILL');
  }
}

const MONITOR = 3;

const linesOf = (input: Readable): AsyncIterator<string> =>
  createInterface({ input })[Symbol.asyncIterator]();
