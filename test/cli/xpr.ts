import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { runCommand } from '../../src/cli/run.js';

/** What a command came to. */
export interface Ran {
  readonly code: number;
  readonly bytes: Uint8Array;
  readonly out: string;
  readonly err: string;
}

/** Runs a command in this process. @param input Standard input. */
export async function xpr(args: readonly string[], input: Uint8Array = new Uint8Array()): Promise<Ran> {
  const parts: Buffer[] = [];
  let err = '';
  const code = await runCommand(args, {
    out: (data) => {
      parts.push(Buffer.from(data as string));
    },
    err: (text) => {
      err += text;
    },
    input: () => input,
    outIsTerminal: false,
    errIsTerminal: false,
  });
  const bytes = Buffer.concat(parts);
  // Not a Buffer, whose `slice` would share its memory.
  return { code, bytes: new Uint8Array(bytes), out: bytes.toString('utf8'), err };
}

/** Runs a command that must end well. */
export async function good(args: readonly string[], input?: Uint8Array): Promise<Ran> {
  const ran = await xpr(args, input);
  if (ran.code !== 0) throw new Error(`xpr ${args.join(' ')} ended with ${ran.code}: ${ran.err}`);
  return ran;
}

/** A folder for the files of a test file, gone afterwards. */
export function scratch(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'xpr-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}
