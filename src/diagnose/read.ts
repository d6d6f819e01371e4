import { type Spoken, spoken } from '../importers/paste/prefix.js';
import { readPaste } from '../importers/paste/read.js';
import { commandIn } from '../importers/text/commands.js';
import { messageIndex } from '../messages/catalogue.js';
import { readDevice } from '../messages/field.js';
import type { Artefact, Evidence, Option, Place, Release, Sighting, Typed } from './evidence.js';
import { Listing } from './listing.js';

/** A file of a report. */
export interface ReportFile {
  readonly name: string;
  readonly text: string;
}

/** What a report holds, file after file. @cost linear in its lines */
export function readReport(files: readonly ReportFile[]): Evidence {
  const reader = new ReportReader();
  for (const file of files) reader.read(file);
  return reader.end();
}

const OPTION =
  /(?<![\w.-])((?:xen-?pciback\.|pcie?_?|iommu|intel_iommu|amd_iommu|extra_guest_irqs|pci-phantom|rmrr|ats|dom0-iommu|dom0_mem|dom0|nr_irqs|msi|loglvl|guest_loglvl|irq-max-guests)[\w.-]*)(?:=(\S+))?(?![\w])/g;

const RELEASES: readonly (readonly [Release['project'], RegExp])[] = [
  ['xen', /\bXen version (\d+\.\d+(?:\.\d+)?)/],
  ['xen', /\bDetected Xen v(\d+\.\d+(?:\.\d+)?)/],
  ['xen', /^\s*xen_version\s*:\s*(\d+\.\d+(?:\.\d+)?)/],
  ['xen', /^\s*Xen (\d+\.\d+(?:\.\d+)?)\b/],
  ['linux', /\bLinux version (\d+\.\d+(?:\.\d+)?)/],
  ['linux', /^\s*(?:Linux|[Kk]ernel)[ :]+(\d+\.\d+(?:\.\d+)?)/],
  ['linux', /^\s*release\s*:\s*(\d+\.\d+(?:\.\d+)?)/],
  ['qemu', /\bQEMU emulator version (\d+\.\d+(?:\.\d+)?)/],
];

class ReportReader {
  readonly #index = messageIndex();
  readonly #artefacts = new Map<string, Artefact>();
  readonly #sightings: Sighting[] = [];
  readonly #typed: Typed[] = [];
  readonly #releases: Release[] = [];
  readonly #options: Option[] = [];
  readonly #listing = new Listing();
  /** A stub domain's name of a device, to the hardware domain's. */
  readonly #aliases = new Map<string, string>();
  #boot = 0;
  #lastNs: number | null = null;
  #notUnderstood = 0;

  read({ name, text }: ReportFile): void {
    this.#listing.break();
    this.#boot += 1;
    this.#lastNs = null;
    for (const part of readPaste(text, (line) => this.#index.score(line))) {
      for (const line of part.lines)
        this.#line({ file: name, ...line, text: line.text.replaceAll('\t', '        ') });
    }
  }

  end(): Evidence {
    return {
      artefacts: [...this.#artefacts.values()],
      sightings: this.#sightings,
      listed: this.#listing.end(),
      typed: this.#typed,
      releases: this.#releases,
      options: this.#options,
      notUnderstood: this.#notUnderstood,
    };
  }

  #line(place: Place): void {
    if (place.text.trim() === '') {
      this.#listing.take(place);
      return;
    }
    const command = commandIn(place.text);
    if (command !== null) {
      const words = command.split(/\s+/);
      const asked = words[0] === 'lspci' ? (words[words.indexOf('-s') + 1] ?? '') : '';
      this.#listing.break(askedDevice(asked));
      this.#typed.push({ words, place });
      this.#count(place.file, 'commands');
      return;
    }
    const said = spoken(place.text);
    this.#alias(place.text);
    const known = this.#facts(place, said);
    if (said.voice === null && this.#listing.take(place)) {
      this.#count(place.file, 'lspci');
      return;
    }
    if (this.#message(place, said)) return;
    const format = formatOf(place.text, said);
    if (format !== null) this.#count(place.file, format);
    else if (!known && /[A-Za-z]/.test(place.text)) this.#notUnderstood += 1;
  }

  #message(place: Place, said: Spoken): boolean {
    const found = this.#index.find(said.text);
    if (found === null) return false;
    this.#clock(said);
    const { id, message, fields } = found;
    const named = fields.get('device')?.value;
    const device = typeof named === 'string' ? (this.#aliases.get(named) ?? named) : null;
    this.#sightings.push({
      id,
      message,
      fields,
      voice: said.voice,
      device,
      sinceBootNs: said.sinceBootNs,
      boot: this.#boot,
      place,
    });
    this.#count(place.file, logOf[message.by]);
    return true;
  }

  /** A stub domain has devices under other addresses; the request to add one names both. */
  #alias(text: string): void {
    const inside = /"hostaddr": ?"([^"]+)"/.exec(text)?.[1];
    const outside = /"machine_addr": ?"([^"]+)"/.exec(text)?.[1];
    const [from, to] = [readDevice(inside ?? ''), readDevice(outside ?? '')];
    if (from !== null && to !== null) this.#aliases.set(from, to);
  }

  /** A clock since boot that began anew is another boot. */
  #clock({ sinceBootNs, voice }: Spoken): void {
    if (sinceBootNs === null || voice !== 'kernel') return;
    if (this.#lastNs !== null && sinceBootNs < this.#lastNs - 60e9) this.#boot += 1;
    this.#lastNs = sinceBootNs;
  }

  /** Releases and options of command lines; whether there were any. */
  #facts(place: Place, said: Spoken): boolean {
    let any = false;
    for (const [project, pattern] of RELEASES) {
      const version = pattern.exec(said.text)?.[1];
      if (version === undefined) continue;
      if (!this.#releases.some((one) => one.project === project && one.version === version))
        this.#releases.push({ project, version, place });
      any = true;
    }
    if (said.voice !== null && !/[Cc]ommand line:/.test(said.text)) return any;
    for (const [, name, value] of said.text.matchAll(OPTION)) {
      if (value === undefined && !/^(?:nomsi|noats)$/.test(name!)) continue;
      this.#options.push({ name: name!, value: value ?? null, place });
      any = true;
    }
    return any;
  }

  #count(file: string, format: string): void {
    const key = `${file}\n${format}`;
    const lines = (this.#artefacts.get(key)?.lines ?? 0) + 1;
    this.#artefacts.set(key, { file, format, lines });
  }
}

/** `lspci -s 14.3` means bus 0 of the first segment. */
const askedDevice = (text: string): string =>
  readDevice(/^[0-9a-f]{1,2}\.[0-7]$/i.test(text) ? `00:${text}` : text) ?? '';

const logOf = {
  xen: 'xl-dmesg',
  linux: 'dmesg',
  libxl: 'libxl',
  qemu: 'qemu-dm',
  hvmloader: 'xl-dmesg',
  libvirt: 'libvirt',
} as const;

/** What a line that says nothing we know is at least a piece of; null when that cannot be told. */
function formatOf(text: string, { voice }: Spoken): string | null {
  if (voice === 'xen' || voice === 'firmware') return 'xl-dmesg';
  if (voice === 'kernel' || voice === 'guest') return 'dmesg';
  if (voice === 'libxl') return 'libxl';
  if (voice === 'qemu') return 'qemu-dm';
  if (/^\s*(?:from-\w+: )?\{"(?:execute|return|error|event|QMP)"/.test(text)) return 'qmp';
  if (/^\s*\/(?:local\/domain|vm|libxl|tool)\/\S+ = "/.test(text)) return 'xenstore-ls';
  if (/^\s*\d+:\s+\d+\s+.*\b(?:ITS-MSI|PCI-MSI|xen-|GICv|IO-APIC)/.test(text)) return 'interrupts';
  if (/^\s*(?:[\w,.#-]+(?:@[0-9a-f]+)? \{|[\w,.#-]+ = (?:<|").*;|[\w,-]+;|\};)\s*$/.test(text)) return 'dts';
  return null;
}
