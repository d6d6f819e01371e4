import { join } from 'node:path';
import { PCIBACK } from '../../../src/models/linux/sysfs.js';
import { recordingText } from '../recording.js';
import { type Row, RowBuilder } from '../row.js';
import { isPciPath } from './plan.js';
import type { RecordedMachine } from './recorded-machine.js';

/** The PCI part of the final XenStore tree, with permissions. Null without a snapshot. */
export function treeRow(set: string, name: string, run: string, machine: RecordedMachine): Row | null {
  const text = recordingText(join(run, 'snap-end'), 'xenstore-ls-fp.txt');
  if (text === null) return null;
  const row = new RowBuilder(set, `${name}/snap-end/xenstore-ls-fp.txt`);
  const recorded = new Map<string, string>();
  for (const match of text.matchAll(/^(\/\S*) = "(.*)" +\((\S*)\)$/gm)) {
    if (isPciPath(match[1]!)) recorded.set(match[1]!, `"${match[2]}" (${match[3]})`);
  }
  const known = machine.atSnapshot?.tree ?? new Map<string, string>();
  for (const path of [...new Set([...recorded.keys(), ...known.keys()])].toSorted()) {
    if (guestsOwn.test(path))
      row.unmodelled('grant references and event channels are numbered by the guest kernel');
    else row.compare(path, 'node', recorded.get(path) ?? null, known.get(path) ?? null);
  }
  return row.row();
}

const guestsOwn = /\/(pci-op-ref|event-channel)$/;

/** pciback's files at the end, line by line, and what `xl pci-assignable-list` printed. Null without a snapshot. */
export function sysfsRow(set: string, name: string, run: string, machine: RecordedMachine): Row | null {
  const text = recordingText(join(run, 'snap-end'), 'pciback-sysfs.txt');
  if (text === null) return null;
  const row = new RowBuilder(set, `${name}/snap-end/pciback-sysfs.txt`);
  const missing = new Set(machine.atSnapshot?.files.keys() ?? []);
  for (const block of text.split(/^(?=== )/m)) {
    const [head, ...lines] = block.split('\n').filter((line) => line !== '');
    if (head === undefined) continue;
    const file = /^== (\S+)$/.exec(head)?.[1];
    if (file === undefined) {
      row.compare('before the first file', 'line', block, null);
      continue;
    }
    if (!file.startsWith(PCIBACK)) {
      row.unmodelled('a file of something else than pciback');
      continue;
    }
    missing.delete(file);
    const known = machine.atSnapshot?.files.get(file);
    if (known === undefined) {
      row.compare(file, 'file', lines, null);
      continue;
    }
    const own = known.filter((line) => line !== '');
    const count = /:\d+$/;
    if (file.endsWith('irq_handlers')) {
      if (lines.length > 0) row.unmodelled('how often an interrupt came depends on the device', lines.length);
      const shape = (list: readonly string[]): readonly string[] =>
        list.map((line) => line.replace(count, ''));
      row.compare(file, 'handlers', shape(lines), shape(own));
    } else if (lines.length === 0) row.compare(file, 'empty file', [], own);
    else
      for (let i = 0; i < Math.max(lines.length, own.length); i++)
        row.compare(`${file} line ${i + 1}`, 'line', lines[i] ?? null, own[i] ?? null);
  }
  // pciback makes all of its files when it is loaded, none of them later.
  for (const file of missing) row.compare(file, 'file', null, machine.atSnapshot?.files.get(file));
  const list = recordingText(join(run, 'snap-end'), 'xl-pci-assignable-list.txt');
  if (list !== null) {
    row.compare(
      'xl-pci-assignable-list.txt',
      'list',
      list
        .split('\n')
        .map((line) => line.trimEnd())
        .filter((line) => line !== ''),
      machine.atSnapshot?.list ?? [],
    );
  }
  return row.row();
}
