import { Trouble } from '../../base/errors.js';
import { messageIndex } from '../../messages/catalogue.js';
import { type Format, type Out, Told } from '../importer.js';
import { importText, TextReader } from './import-text.js';
import { isText } from './is-text.js';
import { pasted } from './pasted.js';

/** Text of one kind, however it was pasted. All are read the same way; the name says what a file mostly is. */
const kinds: readonly (readonly [name: string, doc: string])[] = [
  ['xl-dmesg', "Xen's log or console: messages, tables of the machine, debug keys"],
  ['dmesg', "a kernel's log, plain or by journald: messages, windows, functions, BARs"],
  ['libxl', 'transcripts of xl and logs of libxl'],
  ['qemu-dm', "a device model's log: xen_pt, QMP"],
  ['lspci', 'lspci with -xxxx (exact bytes), -vvv (as far as it says), -nn, -t'],
  ['xenstore-ls', 'xenstore-ls, with whole paths or as a tree'],
  ['proc', '/proc/interrupts, /proc/iomem, /proc/ioports'],
  ['sysfs', 'listings of files below /sys/bus/pci'],
  ['xl', 'xl info, xl list, a configuration file of a guest'],
  ['report', 'a mail or paste with any of these'],
];

/** A part of the known lines that makes a text one of their kind; below it is a report of several. */
const MOSTLY = 0.8;

export const textFormats: readonly Format[] = kinds.map(([name, doc]) => ({
  name,
  doc,
  detect: (head) => kindOf(head) === name,
  open: importText,
}));

let last: { readonly head: Uint8Array; readonly kind: string | null } | null = null;

/** What a text mostly is; null when none of its lines is known, or it is no text. */
function kindOf(head: Uint8Array): string | null {
  // Each format asks about the same head in turn.
  if (last?.head !== head) last = { head, kind: isText(head) ? kindOfText(head) : null };
  return last.kind;
}

function kindOfText(head: Uint8Array): string | null {
  const reader = new TextReader(nobody());
  const index = messageIndex();
  try {
    const importer = pasted(reader, (text) => index.score(text));
    importer.push(head);
    importer.end();
  } catch (error) {
    if (error instanceof Trouble) return null;
    throw error;
  }
  const pieces = Object.entries(reader.pieces).sort(([, a], [, b]) => b - a);
  const total = pieces.reduce((sum, [, count]) => sum + count, 0);
  const first = pieces[0];
  if (first === undefined) return null;
  return first[1] >= total * MOSTLY && kinds.some(([name]) => name === first[0]) ? first[0] : 'report';
}

/** Listens to a reader that is only to say what it would read. */
function nobody(): Out {
  return {
    counts: { records: 0, skipped: 0, lost: 0 },
    file: '',
    clock: () => {},
    fact: () => {},
    told: () => {},
    bridge: () => 0,
    segment: () => 0,
    event: () => new Told(),
    input: () => {},
    recorded: () => {},
  };
}
