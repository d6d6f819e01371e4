import type { Voice } from '../importers/paste/prefix.js';
import type { MessageId } from '../messages/catalogue.js';
import type { FieldValue } from '../messages/field.js';
import type { Message } from '../messages/message.js';

/** Where in a report something stands, so that every sentence can name what it rests on. */
export interface Place {
  readonly file: string;
  /** First and last line of the file, from 1. */
  readonly line: number;
  readonly lastLine: number;
  /** The line as it reads without what mailers and consoles did to it. */
  readonly text: string;
}

/** A message of the catalogue that stands in a report. */
export interface Sighting {
  readonly id: MessageId;
  readonly message: Message;
  readonly fields: ReadonlyMap<string, FieldValue>;
  readonly voice: Voice;
  /** Device it is about, in one spelling; null where it names none. */
  readonly device: string | null;
  readonly sinceBootNs: number | null;
  /** Counts boots of one log: a new banner, or a clock that began anew. */
  readonly boot: number;
  readonly place: Place;
}

/** A memory or port range of a device as lspci lists it. */
export interface ListedBar {
  readonly index: number;
  readonly base: number;
  readonly sizeBytes: number;
  readonly isMemory: boolean;
}

/** A device as one output of lspci shows it. */
export interface Listed {
  readonly device: string;
  readonly title: string;
  readonly bars: readonly ListedBar[];
  /** MSI-X as its capability reads; null where none was listed. */
  readonly msix: { readonly enabled: boolean; readonly masked: boolean; readonly place: Place } | null;
  readonly driver: string | null;
  /** Outputs of lspci are counted: two may be of two boots. */
  readonly listing: number;
  readonly place: Place;
}

/** A command somebody typed or scripted. */
export interface Typed {
  readonly words: readonly string[];
  readonly place: Place;
}

export interface Release {
  readonly project: 'xen' | 'linux' | 'qemu';
  readonly version: string;
  readonly place: Place;
}

/** A word of a command line of Xen or Linux, `name=value` or a name. */
export interface Option {
  readonly name: string;
  readonly value: string | null;
  readonly place: Place;
}

/** What a piece of a report turned out to be. */
export interface Artefact {
  readonly file: string;
  readonly format: string;
  /** Lines of it that were understood. */
  readonly lines: number;
}

/** All that was found in a report, in the order it stands there. */
export interface Evidence {
  readonly artefacts: readonly Artefact[];
  readonly sightings: readonly Sighting[];
  readonly listed: readonly Listed[];
  readonly typed: readonly Typed[];
  readonly releases: readonly Release[];
  readonly options: readonly Option[];
  /** Lines with letters on them that nothing above came of. */
  readonly notUnderstood: number;
}

/** A number out of a sighting; null where the field is not there or was replaced by hand. */
export function numberIn(sighting: Sighting, name: string): number | null {
  const value = sighting.fields.get(name)?.value;
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^0x[0-9a-f]+$/.test(value)
    ? Number.parseInt(value.slice(2), 16)
    : null;
}

export const textIn = (sighting: Sighting, name: string): string | null =>
  sighting.fields.get(name)?.raw ?? null;

/** Sightings of one of some messages. */
export const seen = (evidence: Evidence, ...ids: readonly MessageId[]): readonly Sighting[] =>
  evidence.sightings.filter(({ id }) => ids.includes(id));
