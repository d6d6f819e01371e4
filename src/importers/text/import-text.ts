import type { DomainId } from '../../base/brand.js';
import type { RecordObject, RecordValue } from '../../events/field.js';
import { messageIndex } from '../../messages/catalogue.js';
import { readDevice } from '../../messages/field.js';
import type { Found } from '../../messages/find.js';
import type { Importer, Out } from '../importer.js';
import { LspciLines } from '../lspci/reader.js';
import type { PastedLine } from '../paste/line.js';
import { type Spoken, spoken } from '../paste/prefix.js';
import { TextClock } from './clock.js';
import { commandIn } from './commands.js';
import { Facts } from './facts.js';
import type { LineReader } from './line-reader.js';
import { LinuxLines } from './linux-lines.js';
import { ProcLines, StoreLines, SysfsLines, XlLines } from './listings.js';
import { type PastedReader, pasted } from './pasted.js';
import { XenLines } from './xen-lines.js';

/** Texts of an event; a line of a log is shorter. */
const TEXT_LENGTH = 1_000;

/**
 * Reads any text that reports of PCI passthrough hold, whole or pasted: each line is looked at by itself, so that logs
 * and listings may stand side by side in one file. What nobody knows is counted and passed over.
 */
export function importText(out: Out): Importer {
  const index = messageIndex();
  const reader = new TextReader(out);
  return pasted(reader, (text) => index.score(text));
}

/** Looks at every line of a text. */
export class TextReader implements PastedReader {
  readonly #out: Out;
  readonly #index = messageIndex();
  readonly #facts: Facts;
  readonly #xen: XenLines;
  readonly #linux: LinuxLines;
  readonly #clock: TextClock;
  readonly #listings: readonly LineReader[];
  /** A stub domain's name of a device, to the hardware domain's. */
  readonly #aliases = new Map<string, string>();
  readonly #kinds: Record<string, number> = {};
  /** Lines by the artefact they are a piece of, known ones and others. */
  readonly pieces: Record<string, number> = {};
  /** Lines of the boot that were read so far; its banner is no second one while there are none. */
  #ofBoot = 0;

  constructor(out: Out) {
    this.#out = out;
    out.counts.kinds = this.#kinds;
    this.#facts = new Facts(out);
    this.#xen = new XenLines(this.#facts);
    this.#linux = new LinuxLines(this.#facts);
    this.#clock = new TextClock(out);
    this.#listings = [
      new LspciLines(this.#facts),
      new StoreLines(out),
      new ProcLines(this.#facts),
      new SysfsLines(this.#facts),
      new XlLines(this.#facts),
    ];
  }

  line(line: PastedLine): void {
    this.#out.counts.records += 1;
    const text = line.text.trim();
    if (text === '') {
      for (const listing of this.#listings) listing.pause('blank');
      this.#passed('empty');
      return;
    }
    if (isCutOut(text)) {
      this.#lost('cut out', 1);
      return;
    }
    const suppressed = SUPPRESSED.exec(text)?.[1];
    if (suppressed !== undefined) this.#lost('suppressed messages', Math.min(Number(suppressed), 1e9));
    const command = commandIn(line.text);
    if (command !== null) {
      this.#pause();
      const data = { command: command.slice(0, TEXT_LENGTH), file: this.#out.file, line: line.line };
      this.#out.event({ kind: 'log.typed', by: 'user', origin: 'observed', data });
      this.#count('commands');
      this.#piece('libxl');
      return;
    }
    const said = spoken(line.text.replaceAll('\t', '        '));
    this.#boot(said);
    this.#alias(text);
    const told = this.#fact(said);
    if (told) this.#ofBoot += 1;
    if (said.voice === null || said.voice === 'qemu') {
      for (const listing of this.#listings) {
        if (!listing.take(line, said)) continue;
        this.#count(listing.kind);
        this.#piece(listing.format);
        return;
      }
    }
    const found = this.#index.find(said.text);
    this.#piece(artefactOf(said, found?.message.by ?? null));
    if (found !== null) this.#message(line, said, found);
    else if (told) this.#count('about the machine');
    else this.#passed(said.voice === null ? (isQmp(text) ? 'of QMP' : 'not known') : `of ${said.voice}`);
  }

  part(): void {
    this.#pause();
  }

  end(): void {
    this.#pause();
    this.#linux.flush();
    this.#xen.flush();
  }

  #pause(): void {
    for (const listing of this.#listings) listing.pause('break');
  }

  #boot(said: Spoken): void {
    const isBanner = /^\s*Xen version \d|^Linux version \d/.test(said.text) && this.#ofBoot > LATER;
    if (!this.#clock.began(said) && !isBanner) return;
    this.#linux.flush();
    this.#xen.flush();
    this.#linux.reset();
    this.#facts.boot += 1;
    this.#ofBoot = 0;
  }

  #fact({ voice, text }: Spoken): boolean {
    if (voice === 'kernel') return this.#linux.take(text);
    if (voice === 'xen') return this.#xen.take(text);
    // Logs are often pasted without their prefixes; only lines that nobody else prints count then.
    return (
      voice === null &&
      (XEN_OWN.test(text) ? this.#xen.take(text) : LINUX_OWN.test(text) && this.#linux.take(text))
    );
  }

  #message(line: PastedLine, said: Spoken, { id, message, fields }: Found): void {
    const device = fields.get('device')?.value;
    const domid = fields.get('domid')?.value;
    const atNs = this.#clock.atNs(said);
    this.#out.event({
      kind: 'log.printed',
      by: actorOf(message.by, said.domid),
      origin: 'observed',
      ...(atNs === undefined ? {} : { atNs }),
      data: {
        message: id,
        speaker: message.by,
        severity: message.severity,
        device: typeof device === 'string' ? (this.#aliases.get(device) ?? device) : '',
        domid: domainId(said.domid) ?? domainId(typeof domid === 'number' ? domid : null),
        boot: this.#facts.boot,
        fields: fieldsOf(fields),
        text: said.text.trim().slice(0, TEXT_LENGTH),
        file: this.#out.file,
        line: line.line,
      },
    });
    this.#ofBoot += 1;
    this.#count('messages');
  }

  /** A stub domain has devices under other addresses; the request to add one names both. */
  #alias(text: string): void {
    if (!text.includes('machine_addr')) return;
    const inside = readDevice(/"hostaddr": ?"([^"]+)"/.exec(text)?.[1] ?? '');
    const outside = readDevice(/"machine_addr": ?"([^"]+)"/.exec(text)?.[1] ?? '');
    if (inside !== null && outside !== null && this.#aliases.size < 1_024) this.#aliases.set(inside, outside);
  }

  #count(kind: string): void {
    this.#kinds[kind] = (this.#kinds[kind] ?? 0) + 1;
  }

  #piece(format: string | null): void {
    if (format !== null) this.pieces[format] = (this.pieces[format] ?? 0) + 1;
  }

  #passed(kind: string): void {
    this.#out.counts.skipped += 1;
    this.#count(kind);
  }

  #lost(kind: string, count: number): void {
    this.#out.counts.lost += count;
    this.#kinds[kind] = (this.#kinds[kind] ?? 0) + count;
  }
}

const OF_SPEAKER = {
  xen: 'xl-dmesg',
  hvmloader: 'xl-dmesg',
  linux: 'dmesg',
  libxl: 'libxl',
  libvirt: 'libxl',
  qemu: 'qemu-dm',
} as const;
const isQmp = (text: string): boolean =>
  /^(?:from-\w+: |[+<>] )?\{"(?:execute|return|error|event|QMP)"/.test(text);

const DTS = /^\s*(?:[\w,.#-]+(?:@[0-9a-f]+)? \{|[\w,.#-]+ = (?:<|").*;|\/ \{|\};)\s*$/;
const NAMES_DEVICE = /(?<![\w:.])[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?![\w:.])/i;

/** The artefact a line is a piece of, by its voice or by who prints the message; null when neither tells. */
function artefactOf({ voice, text }: Spoken, by: keyof typeof OF_SPEAKER | null): string | null {
  switch (voice) {
    case 'xen':
    case 'firmware':
    case 'guest':
      return 'xl-dmesg';
    case 'kernel':
      return 'dmesg';
    case 'libxl':
      return 'libxl';
    case 'qemu':
      return 'qemu-dm';
    case null:
      if (by !== null) return OF_SPEAKER[by];
      if (isQmp(text)) return 'qemu-dm';
      if (DTS.test(text)) return 'dts';
      if (NAMES_DEVICE.test(text)) return 'report';
      return /^(?:xencall|xc|domainbuilder|xenforeignmemory|xl):/.test(text) ? 'libxl' : null;
  }
}

/** So much of a boot has to be read before a banner is taken for the next one: consoles print it twice. */
const LATER = 20;
const SUPPRESSED = /(\d+) (?:messages|callbacks) suppressed/;
const isCutOut = (text: string): boolean =>
  /^(?:\[(?:\.{3}|…|snip|cut)\]|\.{3}|…|-{2,}\s*(?:snip|cut here)\s*-{2,})$/i.test(text);
const XEN_OWN =
  /^\s*(?:Xen version \d|PCI: MCFG configuration|PCI add (?:device|virtual)|\[VT-D\]|IRQ limits:)/;
const LINUX_OWN = /^(?:Linux version \d|pci [0-9a-f]{4,8}:|pci_bus |PCI: (?:MMCONFIG for|ECAM \[))/;

const actorOf = (speaker: string, domid: number | null): string => {
  if (speaker === 'linux') return `d${domid ?? 0}`;
  if (speaker === 'libxl') return 'toolstack';
  if (speaker === 'qemu') return 'dm:qemu';
  return speaker === 'hvmloader' && domid !== null ? `d${domid}` : speaker;
};

const domainId = (domid: number | null): DomainId | null =>
  domid !== null && Number.isInteger(domid) && domid >= 0 && domid <= 0xffff ? (domid as DomainId) : null;

function fieldsOf(fields: Found['fields']): RecordObject {
  const out: Record<string, RecordValue> = {};
  for (const [name, { value, raw }] of fields)
    out[name] = value ?? (raw === '' ? null : raw.slice(0, TEXT_LENGTH));
  return out;
}
