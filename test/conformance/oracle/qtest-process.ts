import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What a real QEMU answered to one command, and the interrupt lines that changed before. */
export interface Spoken {
  readonly reply: string;
  readonly async: readonly string[];
}

/** A QEMU whose processor never runs, spoken to over qtest on its standard input and output. */
export class QtestProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, args: readonly string[], ramMib: number) {
    const fixed = [
      '-nodefaults',
      '-display',
      'none',
      '-accel',
      'tcg',
      '-S',
      '-qtest',
      'stdio',
      '-qtest-log',
      'none',
    ];
    this.#child = spawn(program, [...args, '-m', String(ramMib), ...fixed], { stdio: 'pipe' });
    this.#child.stderr.resume();
    this.#child.stdin.on('error', () => {}); // A QEMU that died answers no more; `command` says so.
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Sends one line and waits for its reply; null when QEMU is gone. */
  async command(line: string): Promise<Spoken | null> {
    this.#child.stdin.write(`${line}\n`);
    const async: string[] = [];
    for (;;) {
      const next = await this.#lines.next();
      if (next.done === true) return null;
      if (!next.value.startsWith('IRQ ')) return { reply: next.value, async };
      async.push(next.value);
    }
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
