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

/** Checks what the log itself knows about a header; the platform is its user's to check. @throws {Trouble} LOG-016 */
export function checkHeader(value: unknown): TraceHeader {
  if (!isObject(value)) throw logTrouble('LOG-016', 'not an object');
  const rules: Readonly<Record<keyof TraceHeader, (field: unknown) => boolean>> = {
    creator: isText,
    scenario: (field) => field === null || isText(field),
    seed: (field) => field === null || Number.isSafeInteger(field),
    platform: (field) => field !== undefined,
    policies: isTextMap,
    switches: isTextMap,
    behaviour: (field) => Array.isArray(field) && field.every((flag) => Number.isSafeInteger(flag)),
    provenance: (field) => Array.isArray(field) && field.every(isProvenance),
  };
  for (const [name, rule] of Object.entries(rules)) {
    if (!rule(value[name])) throw logTrouble('LOG-016', `${name} is missing or of the wrong type`);
  }
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(rules, name)) {
      throw logTrouble('LOG-016', `unknown entry ${name}`, {
        hint: 'the trace was written by a newer version of xpr',
      });
    }
  }
  return value as unknown as TraceHeader;
}

/** The files a trace was made of, as its index has them. @throws {Trouble} LOG-010 */
export function checkSources(value: unknown): readonly Provenance[] {
  if (Array.isArray(value) && value.every(isProvenance)) return value as readonly Provenance[];
  throw logTrouble('LOG-010', 'sources');
}

function isProvenance(value: unknown): boolean {
  return (
    isObject(value) &&
    ['file', 'format', 'sha256'].every((name) => isText(value[name])) &&
    ['records', 'skipped', 'lost'].every((name) => Number.isSafeInteger(value[name])) &&
    (value['timesBack'] === undefined || Number.isSafeInteger(value['timesBack']))
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

const isText = (value: unknown): value is string => typeof value === 'string';

function isTextMap(value: unknown): boolean {
  return isObject(value) && Object.values(value).every(isText);
}
