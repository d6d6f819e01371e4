import type { EventSeq } from '../base/brand.js';
import type { Actor, DataOf, InputDraft, KindName, Origin, TraceEvent } from '../events/catalogue.js';
import type { Provenance, TraceHeader } from '../log/header.js';
import type { Bdf } from '../pci/sbdf.js';
import type { HostBridge, HostWindow, Platform, PlatformFunction, X86Facts } from '../platform/platform.js';

/**
 * One foreign format: how to know it and how to read it. A new one is a folder beside this file with an object of
 * this type in it, one line in `registry.ts`, and a test; `docs/write-an-importer.md` has a whole one.
 *
 * An importer is handed bytes in pieces of any size (`push`, then `end`) and says what it reads through `Out`:
 *
 * - `out.event` for what the source says happened, `out.input` for what the models are to decide. Order is that of
 *   the calls; sequence numbers, merging with other files and the clock's zero are given outside, once. A cause is
 *   the `Told` that `event` returned for it.
 * - `out.fact` and `out.bridge` for what it learns about the machine. Those said before `limits.importAheadEvents` events
 *   of the file have come stand in the trace's header; later ones become `machine.told` events, so nothing is read
 *   twice and a pipe can be followed live.
 * - `out.clock`, once and before the first event, says what times count from; without it there are none.
 * - `out.counts`: what it read, passed over, and could not read. Nothing is skipped silently.
 *
 * It keeps no whole file, opens none, and knows nothing of other formats. Whatever is wrong with the input is a
 * `Trouble` with a code of its own, the place, what was expected and what stood there.
 *
 * Text formats are written on `lines` of `lines.ts`: one call a line, with its number.
 */
export interface Format {
  /** As `--format` and provenance name it. */
  readonly name: string;
  /** What it is, in a few words, for lists. */
  readonly doc: string;
  /**
   * Whether the first bytes of a file (64 KiB or all of it, unpacked) are of this format. Formats are asked in the
   * order of the registry: be sure rather than generous.
   */
  detect(head: Uint8Array): boolean;
  /** The file is about the machine alone and is read before all others, whatever the order they are given in. */
  readonly describesMachine?: true;
  /** Begins to read one file. */
  open(out: Out): Importer;
}

/** One file being read. */
export interface Importer {
  /** The next piece; its bytes are not kept by anybody else. @throws {Trouble} */
  push(bytes: Uint8Array): void;
  /** There is no more. @throws {Trouble} when something is missing */
  end(): void;
}

/** Where an importer says what it read. */
export interface Out {
  /** Records of the source; an importer counts them up as it goes. */
  readonly counts: Counts;
  /** The name of the file, for events that name their place in it. */
  readonly file: string;
  /** What `atNs` of this file counts from. */
  clock(clock: Clock): void;
  fact(fact: MachineFact): void;
  /** The same of what may be another machine, or the same after another boot: an event, never the header's. */
  told(fact: MachineFact): void;
  /**
   * A host bridge, known by `cfgBase`, and its place in the platform: the first half of every `FunctionId`. Saying one
   * again, or one that another file described better, gives the place it has.
   */
  bridge(bridge: HostBridge): number;
  /**
   * Place of the host bridge whose functions have this segment (a PCI domain of Linux) in their names. Where no file has
   * told its window yet, a bridge of unknown window stands for it, which takes the window when one does. Null where a
   * device tree describes several bridges and none of them says that it has the number: names of its functions are then
   * not known to mean one of them.
   */
  segment(segment: number): number | null;
  /** Something happened, and this is all there is to know of it: no model decides it again while importing. */
  event<K extends KindName>(draft: EventDraft<K>): Told;
  /**
   * Something happened whose outcomes are not in the source: the models decide them. `follow` is handed the input and
   * all that came of it, and gives inputs that come right after, at the same time.
   */
  input(draft: InputDraft, follow?: Follow): void;
  /** An event of one of our own traces, whole: number, cause and all. */
  recorded(event: TraceEvent): void;
}

export type Follow = (events: readonly TraceEvent[]) => readonly InputDraft[];

/** Records of a file. */
export interface Counts {
  /** Read. */
  records: number;
  /** Passed over, because they are about something else. */
  skipped: number;
  /** Missing from the source, or torn. */
  lost: number;
  /** Of text: how many lines of which kind, read, passed over and lost ones. */
  kinds?: Record<string, number>;
}

/**
 * What times count from. Files with the same kind of clock are laid side by side by it; those of different kinds begin
 * together, as nobody knows better; a file without times comes before all others, in its own order.
 */
export type Clock =
  /** Microseconds since the epoch at which `atNs` is 0. */
  | { readonly is: 'wall'; readonly zeroUs: number }
  /** Microseconds since the machine started at which `atNs` is 0. */
  | { readonly is: 'boot'; readonly zeroUs: number }
  /** Microseconds since the hardware domain's kernel started at which `atNs` is 0. */
  | { readonly is: 'linux'; readonly zeroUs: number }
  /** The machine's time stamp counter at 2.4 GHz, in microseconds since it was 0. */
  | { readonly is: 'tsc'; readonly zeroUs: number }
  /** From the first record of the file on; nobody says when that was. */
  | { readonly is: 'own' };

/** An event without a place in a log. */
export interface EventDraft<K extends KindName> {
  readonly kind: K;
  readonly by: Actor;
  readonly origin: Origin;
  /** Nanoseconds by the clock of the file; absent: as the event before. Times that go back are kept there and counted. */
  readonly atNs?: number;
  readonly cause?: Told | null;
  readonly data: DraftData<K>;
}

/** Payload of a draft: where the event names another one, the draft has what `event` returned for that. */
export type DraftData<K extends KindName> = {
  readonly [F in keyof DataOf<K>]: [NonNullable<DataOf<K>[F]>] extends [EventSeq]
    ? DataOf<K>[F] | Told
    : DataOf<K>[F];
};

/** Stands for an event that was told, until it has its number; hold it only as long as something may follow from it. */
export class Told {
  seq: EventSeq | null = null;
}

/** Something a source says about the machine. */
export type MachineFact =
  /** All there is to say: a device tree. */
  | { readonly is: 'platform'; readonly platform: Platform }
  /** The header of one of our own traces; such a file cannot be put together with others. */
  | {
      readonly is: 'header';
      readonly header: TraceHeader<Platform>;
      readonly sources: readonly Provenance[];
    }
  /** What to call the machine when nothing better is known. */
  | { readonly is: 'name'; readonly name: string }
  | { readonly is: 'arch'; readonly arch: Platform['arch'] }
  /** A function that is there from the start. `bridge` is what `Out.bridge` gave. */
  | {
      readonly is: 'function';
      readonly bridge: number;
      readonly bdf: Bdf;
      readonly name: string;
      /** Bytes 0 on of its configuration space; what nobody knows is 0. */
      readonly config: Uint8Array;
      /** Bits of `config` that are known, per byte; absent: all. */
      readonly known?: Uint8Array;
      readonly behind?: PlatformFunction['behind'];
    }
  /** A window of a host bridge, from whoever lists them. `bridge` is what `Out.bridge` or `Out.segment` gave. */
  | { readonly is: 'window'; readonly bridge: number; readonly window: HostWindow }
  /** Tables of a PC: I/O APICs, reserved regions, interrupt remapping. */
  | { readonly is: 'x86'; readonly facts: Partial<X86Facts> }
  /** As the program prints it, `4.17.7` or `6.1.0-56-amd64`. */
  | { readonly is: 'release'; readonly of: Program; readonly release: string }
  | { readonly is: 'command-line'; readonly of: Program; readonly text: string };

export type Program = 'xen' | 'linux' | 'qemu';
