import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { Row } from './row.js';
import { judgeFolder } from './sets/qtest.js';

const fixtures = fileURLToPath(new URL('../fixtures/qtest', import.meta.url));
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

type Entry = { readonly meta?: object; readonly cmd?: string; readonly reply?: string | null };

/** Rows of one sequence, made of the commands given, on a machine of the recordings. */
function rowOf(topology: string, entries: readonly Entry[]): Row {
  const folder = mkdtempSync(join(tmpdir(), 'xpr-qtest-'));
  folders.push(folder);
  cpSync(join(fixtures, 'topologies.json.gz'), join(folder, 'topologies.json.gz'));
  const lines = [{ meta: { seq: 'one', topology } }, ...entries];
  writeFileSync(join(folder, 'vectors.jsonl'), lines.map((line) => JSON.stringify(line)).join('\n'));
  return [...judgeFolder(folder)][0]!;
}

/** The commands of a recorded sequence. */
function recorded(name: string): Entry[] {
  const found: Entry[] = [];
  let inside = false;
  for (const line of readFileSync(join(fixtures, 'vectors.jsonl'), 'utf8').split('\n')) {
    if (line === '') continue;
    const entry = JSON.parse(line) as Entry & { readonly meta?: { readonly seq: string } };
    if (entry.meta !== undefined) inside = entry.meta.seq === name;
    else if (inside) found.push(entry);
  }
  return found;
}

describe('the qtest set', () => {
  it.each(['x-express', 'x-bare', 'x-pc', 'x-sriov'])('notices one wrong reply of %s', (topology) => {
    const entries = recorded(`${topology}-events`);
    const at = entries.findLastIndex(({ reply }) => /^OK 0x0*[1-9a-f]/.test(reply ?? ''));
    const wrong = entries.with(at, { ...entries[at]!, reply: 'OK 0x0000' });
    expect(rowOf(topology, entries).mismatched).toBe(0);
    expect(rowOf(topology, wrong)).toMatchObject({
      mismatched: 1,
      firstMismatch: { input: entries[at]!.cmd },
    });
  });

  it('notices a reset that leaves a register', () => {
    const entries = recorded('r-pc-resets');
    const at = entries.findLastIndex(({ cmd }) => cmd === 'inb 0xcf9');
    const wrong = entries.with(at, { ...entries[at]!, reply: 'OK 0x0002' });
    expect(rowOf('r-pc', entries).mismatched).toBe(0);
    expect(rowOf('r-pc', wrong).mismatched).toBe(1);
  });

  /** SMI_EN with its APM bit, then a command for system management mode. */
  const dying: readonly Entry[] = [
    { cmd: 'outl 0xcf8 0x8000f840', reply: 'OK' },
    { cmd: 'outl 0xcfc 0x600', reply: 'OK' },
    { cmd: 'outl 0xcf8 0x8000f844', reply: 'OK' },
    { cmd: 'outb 0xcfc 0x80', reply: 'OK' },
    { cmd: 'outl 0x630 0x20', reply: 'OK' },
    { cmd: 'outb 0xb2 0x20', reply: null },
  ];

  it('takes a recording in which QEMU ended, and knows where it does', () => {
    expect(rowOf('q35-bare', dying)).toMatchObject({ mismatched: 0, matched: 6, unmodelled: 0 });
    expect(rowOf('q35-bare', dying.with(4, { cmd: 'inb 0x70', reply: null }))).toMatchObject({
      unmodelledReasons: { 'QEMU ended at this command, and gave no answer': 2 },
    });
    expect(rowOf('q35-bare', dying.with(5, { cmd: 'outb 0xb2 0x20', reply: 'OK' })).mismatched).toBe(1);
  });
});
