import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { recordingText } from '../recording.js';
import { type Row, RowBuilder } from '../row.js';
import { printedMessages } from './printed.js';
import type { RecordedMachine } from './recorded-machine.js';

/** Errors and warnings of xl about PCI, each file's in order. Null when nothing was printed. */
export function messageRow(set: string, name: string, run: string, machine: RecordedMachine): Row | null {
  const row = new RowBuilder(set, `${name}: messages of xl`);
  let any = false;
  for (const file of messageFiles(run)) {
    const own = machine.log.flatMap((event) =>
      event.kind === 'toolstack.logged' && event.data.level !== 'output'
        ? [`${event.data.level}: ${event.data.text}`]
        : [],
    );
    let at = 0;
    for (const { text } of printedMessages(recordingText(run, file) ?? '')) {
      any = true;
      if (!/pci|pciback|quarantine|assign|DM to remove|Backend .* not ready|driver|devices/i.test(text)) {
        row.unmodelled('message about something else than PCI');
        continue;
      }
      // Commands may have their own files, and a job's log what it chose of them: others may stand between.
      const found = own.indexOf(text, at);
      row.check(found >= 0, () => ({
        at: file,
        input: 'message',
        expected: text,
        actual: own[at] ?? 'nothing more',
      }));
      if (found >= 0) at = found + 1;
    }
  }
  return any ? row.row() : null;
}

/** Files that hold what xl printed. */
export function messageFiles(run: string): readonly string[] {
  const logsIn = (folder: string): readonly string[] => {
    const path = join(run, folder);
    if (!existsSync(path)) return [];
    return readdirSync(path)
      .filter((file) => /xl-.*\.log(\.xz)?$/.test(file))
      .toSorted()
      .map((file) => join(folder, file.replace(/\.xz$/, '')));
  };
  return ['job.log', ...logsIn(''), ...logsIn('log-xen')];
}
