import { Trouble } from '../base/errors.js';
import { limits } from '../base/limits.js';
import { creator } from '../base/release.js';
import type { Provenance, TraceHeader } from '../log/header.js';
import { functionId } from '../pci/function-id.js';
import {
  defaultX86Facts,
  emptyPlatform,
  type HostBridge,
  type HostWindow,
  type Platform,
  type PlatformFunction,
  type X86Facts,
} from '../platform/platform.js';
import { defaultPolicies, type Policies } from '../policy/axes.js';
import { currentBehaviour } from '../policy/behaviours.js';
import { isLinuxRelease, statedXen } from '../policy/releases.js';
import { defaultSwitches, type SwitchName, switchTable } from '../policy/switches.js';
import { better, isPc, sameWindow, united, withoutWindow } from './from-several.js';
import type { MachineFact } from './importer.js';

/** A fact and the file that said it. */
interface Said<T> {
  readonly value: T;
  readonly file: string;
}

/** What becomes of a file that says something else about the machine than another: an error, or an event of its own. */
export type Contradictions = 'refused' | 'told';

/**
 * The machine that several files describe, put together fact by fact. Two files may say the same, or one more than the
 * other; where they say different things neither is believed.
 * @throws {Trouble} IMP-002 two files contradict each other; both are named
 */
export class Machine {
  /** The header is written: what is learned from now on is an event. */
  isClosed = false;
  #own: Said<Extract<MachineFact, { is: 'header' }>> | null = null;
  #whole: Said<Platform> | null = null;
  #name: string | null = null;
  #arch: Said<Platform['arch']> | null = null;
  readonly #bridges: Said<HostBridge>[] = [];
  readonly #functions = new Map<number, Said<PlatformFunction>>();
  readonly #x86 = new Map<keyof X86Facts, Said<unknown>>();
  readonly #texts = new Map<string, Said<string>>();
  /** Bridges that stand for a segment whose window nobody has told, by place. */
  readonly #unplaced = new Map<number, number>();
  readonly #windows = new Map<number, HostWindow[]>();
  readonly #contradictions: Contradictions;
  readonly #policies: Partial<Policies> = {};
  readonly #switches: Partial<Record<SwitchName, string>> = {};

  constructor(contradictions: Contradictions = 'refused') {
    this.#contradictions = contradictions;
  }

  /** @returns Whether the header tells it; otherwise it has to be told by an event. */
  learn(fact: MachineFact, file: string): boolean {
    if (this.isClosed) return false;
    try {
      return this.#learn(fact, file);
    } catch (error) {
      if (this.#contradictions === 'told' && error instanceof Trouble && error.code === 'IMP-002')
        return false;
      throw error;
    }
  }

  #learn(fact: MachineFact, file: string): boolean {
    switch (fact.is) {
      case 'header':
        this.#own = alone(this.#own, { value: fact, file });
        return true;
      case 'platform':
        this.#whole = alone(this.#whole, { value: fact.platform, file });
        this.#arch = same('the architecture', this.#arch, { value: fact.platform.arch, file });
        return true;
      case 'name':
        this.#name ??= fact.name;
        return true;
      case 'arch':
        this.#arch = same('the architecture', this.#arch, { value: fact.arch, file });
        return true;
      case 'function': {
        const { bridge, bdf, name, config, known, behind } = fact;
        return this.#function({
          value: {
            function: functionId(bridge, bdf),
            name,
            config,
            ...(known === undefined ? {} : { known }),
            writeMask: null,
            clearMask: null,
            present: true,
            ...(behind === undefined ? {} : { behind }),
          },
          file,
        });
      }
      case 'window': {
        const windows = this.#windows.get(fact.bridge) ?? [];
        this.#windows.set(fact.bridge, windows);
        if (!windows.some((one) => sameWindow(one, fact.window))) windows.push(fact.window);
        return true;
      }
      case 'x86':
        for (const [name, value] of Object.entries(fact.facts) as [keyof X86Facts, unknown][])
          this.#x86.set(name, same(name, this.#x86.get(name) ?? null, { value, file }));
        return true;
      case 'release':
        this.#text(`the release of ${fact.of}`, `release ${fact.of}`, { value: fact.release, file });
        this.#follow(fact.of, fact.release);
        return false;
      case 'command-line':
        this.#text(`the command line of ${fact.of}`, `line ${fact.of}`, { value: fact.text, file });
        if (fact.of === 'xen') Object.assign(this.#policies, policiesOf(fact.text));
        return false;
    }
  }

  /** Place of a bridge in the platform. */
  bridge(bridge: HostBridge, file: string): number {
    const known = this.#whole?.value.bridges ?? [];
    const inWhole = known.findIndex(({ cfgBase }) => cfgBase === bridge.cfgBase);
    if (inWhole >= 0) return inWhole;
    const found = this.#bridges.findIndex(({ value }) => value.cfgBase === bridge.cfgBase);
    if (found >= 0) {
      this.#bridges[found] = { value: better(this.#bridges[found]!.value, bridge), file };
      return known.length + found;
    }
    const segment = bridge.pciDomain ?? 0;
    const standIn =
      this.#unplaced.get(segment) ??
      this.#bridges.findIndex(
        ({ value }) => value.access === 'cf8' && (value.pciDomain ?? 0) === segment && known.length === 0,
      );
    if (standIn >= 0 && !this.isClosed && isPc(bridge)) {
      this.#bridges[standIn] = { value: { ...bridge, pciDomain: segment }, file };
      if (bridge.access !== 'cf8') this.#unplaced.delete(segment);
      return standIn;
    }
    if (this.isClosed) {
      throw new Trouble('IMP-005', 'a host bridge is found too late', {
        file,
        actual: `${bridge.node} at 0x${bridge.cfgBase.toString(16)}`,
        expected: 'host bridges before their functions are used',
        hint: 'give a file that describes the machine as the first one',
      });
    }
    this.#bridges.push({ value: bridge, file });
    return known.length + this.#bridges.length - 1;
  }

  /** @see Out.segment */
  segment(segment: number): number | null {
    const known = this.#whole?.value.bridges ?? [];
    const standIn = this.#unplaced.get(segment);
    if (standIn !== undefined) return standIn;
    const numbered = known.findIndex(({ pciDomain }) => pciDomain === segment);
    if (numbered >= 0) return numbered;
    if (known.length > 0) return known.length === 1 && segment === 0 ? 0 : null;
    const found = this.#bridges.findIndex(
      ({ value }) => value.pciDomain === segment || (value.pciDomain === null && segment === 0),
    );
    if (found >= 0) return found;
    if (this.isClosed || this.#bridges.length >= limits.bridges) return null;
    this.#bridges.push({ value: withoutWindow(segment), file: '' });
    this.#unplaced.set(segment, this.#bridges.length - 1);
    return this.#bridges.length - 1;
  }

  /** The files that one of our own traces says it was made of; null when none is among the files. */
  get recordedSources(): readonly Provenance[] | null {
    return this.#own === null ? null : [...this.#own.value.header.provenance, ...this.#own.value.sources];
  }

  /** The header of the trace; from now on it is fixed. @param files All that are put together. */
  close(files: readonly string[]): TraceHeader<Platform> {
    this.isClosed = true;
    if (this.#own !== null) {
      if (files.length > 1) {
        throw new Trouble('IMP-002', 'more than one file describes the machine', {
          actual: files.join(', '),
          expected: `${this.#own.file} alone: it is a whole trace`,
        });
      }
      return this.#own.value.header;
    }
    return {
      creator,
      scenario: null,
      seed: null,
      platform: this.#platform(),
      policies: { ...defaultPolicies, ...this.#policies },
      switches: { ...defaultSwitches, ...this.#switches },
      behaviour: currentBehaviour,
      provenance: [],
    };
  }

  #platform(): Platform {
    const whole = this.#whole?.value ?? null;
    const base: Platform = whole ?? {
      ...emptyPlatform,
      name: this.#name ?? 'imported',
      arch: this.#arch?.value ?? 'x86_64',
    };
    const platform = {
      ...base,
      bridges: [...base.bridges, ...this.#bridges.map(({ value }) => value)].map((bridge, i) =>
        bridge.windows.length > 0 ? bridge : { ...bridge, windows: this.#windows.get(i) ?? [] },
      ),
      functions: [
        ...base.functions,
        ...[...this.#functions.values()]
          .map(({ value }) => value)
          .sort((one, other) => one.function - other.function),
      ],
    };
    if (this.#x86.size === 0) return platform;
    const told = Object.fromEntries([...this.#x86].map(([name, { value }]) => [name, value]));
    return { ...platform, x86: { ...defaultX86Facts, ...platform.x86, ...told } };
  }

  /** @returns Whether all of it stands in the header: bytes that another file knew otherwise do not. */
  #function(said: Said<PlatformFunction>): boolean {
    const id = said.value.function;
    const inWhole = this.#whole?.value.functions.find((one) => one.function === id);
    const known =
      this.#functions.get(id) ?? (inWhole === undefined ? null : { value: inWhole, file: this.#whole!.file });
    if (known === null) {
      this.#functions.set(id, said);
      return true;
    }
    const [had, has] = [identity(known.value), identity(said.value)];
    if (had !== null && has !== null && had !== has) {
      contradict(
        `function ${known.value.name}`,
        { value: had, file: known.file },
        { value: has, file: said.file },
      );
    }
    const both = united(known.value, said.value);
    if (inWhole === undefined) this.#functions.set(id, { value: both.value, file: known.file });
    return both.agree;
  }

  #text(what: string, key: string, said: Said<string>): void {
    this.#texts.set(key, same(what, this.#texts.get(key) ?? null, said));
  }

  /** The models follow the release a source names, where they know it. */
  #follow(of: string, release: string): void {
    if (of !== 'xen' && of !== 'linux') return;
    const xen = of === 'xen' ? statedXen(/^\d+(?:\.\d+){1,2}/.exec(release)?.[0] ?? null) : null;
    if (xen !== null || (of === 'linux' && isLinuxRelease(release))) {
      this.#switches[of] = xen ?? release;
      return;
    }
    const value = switchTable[of].values.find(
      (one) => release === one || /^[.-]/.test(afterPrefix(release, one)),
    );
    if (value !== undefined) this.#switches[of] = value;
  }
}

/** What Xen's options decide of the design. @source docs/misc/xen-command-line.pandoc of Xen */
function policiesOf(line: string): Partial<Policies> {
  const options = line.split(/\s+/);
  const value = (name: string): string[] =>
    options.flatMap((one) =>
      one === name ? [''] : one.startsWith(`${name}=`) ? one.slice(name.length + 1).split(',') : [],
    );
  const isOff = (text: string): boolean => ['off', 'no', 'false', '0', 'disable'].includes(text);
  const isOn = (text: string): boolean => ['', 'on', 'yes', 'true', '1', 'enable'].includes(text);
  const iommu = value('iommu');
  const passthrough = value('pci-passthrough').at(-1);
  return {
    ...(iommu.some(isOff) ? { iommu: 'off' } : {}),
    ...(iommu.includes('quarantine=scratch-page') ? { quarantine: 'scratch-page' } : {}),
    ...(iommu.includes('no-quarantine') || iommu.some((one) => isOff(afterPrefix(one, 'quarantine=')))
      ? { quarantine: 'none' }
      : {}),
    ...(passthrough !== undefined && isOn(passthrough) ? { 'pci-passthrough': 'on' } : {}),
  };
}

const afterPrefix = (text: string, prefix: string): string =>
  text.startsWith(prefix) ? text.slice(prefix.length) : '';

/** Vendor and device as read; null where nobody read them. */
function identity({ config }: PlatformFunction): string | null {
  const word = (at: number): string =>
    ((config[at] ?? 0) | ((config[at + 1] ?? 0) << 8)).toString(16).padStart(4, '0');
  const text = `${word(0)}:${word(2)}`;
  return text === '0000:0000' ? null : text;
}

function alone<T>(known: Said<T> | null, said: Said<T>): Said<T> {
  if (known === null) return said;
  throw new Trouble('IMP-002', 'more than one file describes the machine', {
    actual: `${known.file}, ${said.file}`,
    expected: 'one',
  });
}

function same<T>(what: string, known: Said<T> | null, said: Said<T>): Said<T> {
  if (known === null) return said;
  if (JSON.stringify(known.value) !== JSON.stringify(said.value)) contradict(what, known, said);
  return known;
}

function contradict(what: string, known: Said<unknown>, said: Said<unknown>): never {
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  throw new Trouble('IMP-002', `two files say different things about the machine: ${what}`, {
    expected: `${text(known.value).slice(0, 200)} (${known.file})`,
    actual: `${text(said.value).slice(0, 200)} (${said.file})`,
    hint: 'import files of one machine together',
  });
}
