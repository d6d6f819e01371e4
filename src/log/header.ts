import {
  anything,
  closedMap,
  countMap,
  list,
  map,
  misfitOf,
  noSuchEntry,
  optional,
  orNull,
  type Says,
  text,
  textMap,
  wholeNumber,
} from '../base/schema.js';
import { logTrouble } from './trouble.js';

/** Where imported events came from. */
export interface Provenance {
  readonly file: string;
  readonly format: string;
  readonly sha256: string;
  /** Records read, passed over because they are not about PCI, and missing from the source. */
  readonly records: number;
  readonly skipped: number;
  readonly lost: number;
  /** Records whose time was before that of the record before them; their events stand at the later time. Absent: none. */
  readonly timesBack?: number;
  /** Of text: lines of each kind, read, passed over and lost ones. Absent elsewhere. */
  readonly kinds?: Readonly<Record<string, number>>;
}

/**
 * What a trace says about itself; with it a log can be replayed without anything else. Plain data: objects, arrays,
 * numbers, texts, booleans, null and byte arrays. No time and no path, so that equal runs give equal files.
 * @typeParam P The platform; the log stores it without looking inside.
 */
export interface TraceHeader<P = unknown> {
  /** Program and version, as `xpr 0.1.0`. */
  readonly creator: string;
  /** Built-in scenario that was recorded; null for imports. */
  readonly scenario: string | null;
  /** Seed of the scheduler; null where none ran. */
  readonly seed: number | null;
  readonly platform: P;
  readonly policies: Readonly<Record<string, string>>;
  readonly switches: Readonly<Record<string, string>>;
  /** Numbers of the behaviour changes the recording already had. */
  readonly behaviour: readonly number[];
  /** Part of the digest, so only what a trace of an earlier release has; those of today have `sources` in the index. */
  readonly provenance: readonly Provenance[];
}

const provenanceSchema = map({
  file: text,
  format: text,
  sha256: text,
  records: wholeNumber,
  skipped: wholeNumber,
  lost: wholeNumber,
  timesBack: optional(wholeNumber),
  kinds: optional(countMap),
});

/** As JSON Schema; `TraceHeader` says the same, which is checked below. */
export const headerSchema = closedMap({
  creator: text,
  scenario: orNull(text),
  seed: orNull(wholeNumber),
  platform: anything,
  policies: textMap,
  switches: textMap,
  behaviour: list(wholeNumber),
  provenance: list(provenanceSchema),
});

/** Fails to compile where schema and type differ. */
const saysTheSame: Says<typeof headerSchema, TraceHeader> = true;
void saysTheSame;

/** Checks what the log itself knows about a header; the platform is its user's to check. @throws {Trouble} LOG-016 */
export function checkHeader(value: unknown): TraceHeader {
  const misfit = misfitOf(headerSchema, value, '');
  if (misfit === null) return value as TraceHeader;
  const { path, expected } = misfit;
  if (path === '') throw logTrouble('LOG-016', 'not an object');
  if (expected === noSuchEntry) {
    throw logTrouble('LOG-016', `unknown entry ${path}`, {
      at: { path },
      hint: 'the trace was written by a newer version of xpr',
    });
  }
  throw logTrouble('LOG-016', `${path} is missing or of the wrong type`, { at: { path }, expected });
}

/** The files a trace was made of, as its index has them. @throws {Trouble} LOG-010 */
export function checkSources(value: unknown): readonly Provenance[] {
  const misfit = misfitOf(sourcesSchema, value, 'sources');
  if (misfit === null) return value as readonly Provenance[];
  throw logTrouble('LOG-010', 'sources', { at: { path: misfit.path }, expected: misfit.expected });
}

const sourcesSchema = list(provenanceSchema);
