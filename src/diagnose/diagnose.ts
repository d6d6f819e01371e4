import {
  deliveryMode,
  drivenInQuarantine,
  lineNotBound,
  maskedByFirmware,
  pirqsUsedUp,
  stillOn,
  withoutMsi,
} from './causes/interrupts.js';
import { armWithoutPci, phantomFunctions, sharedReserved, smmuGlobalFault } from './causes/iommu.js';
import { twoInOnePage } from './causes/memory.js';
import { behindVmd } from './causes/numbering.js';
import { doesNotComeBack, tableNeverPrepared, tableNotKnown } from './causes/reset.js';
import type { Evidence, Place, Sighting } from './evidence.js';
import { type Cause, explained, type Verdict } from './verdict.js';

/** Every cause that is looked for. One that explains a sighting keeps it from the general words of its message. */
const causes: readonly Cause[] = [
  doesNotComeBack,
  tableNeverPrepared,
  tableNotKnown,
  twoInOnePage,
  drivenInQuarantine,
  pirqsUsedUp,
  stillOn,
  withoutMsi,
  deliveryMode,
  maskedByFirmware,
  lineNotBound,
  phantomFunctions,
  sharedReserved,
  armWithoutPci,
  smmuGlobalFault,
  behindVmd,
];

/** What a report comes to. */
export interface Diagnosis {
  readonly verdicts: readonly Verdict[];
  /** Warnings and errors in the order of the report, with their place. */
  readonly timeline: readonly Sighting[];
  /** The first error of the report as it stands there; null when there is none. */
  readonly first: Sighting | null;
  /** Errors that no cause explains and whose message says nothing of a cure. */
  readonly unexplained: readonly Sighting[];
  readonly needed: readonly string[];
  /** What stands in the way of reading the parts of the report together. */
  readonly notes: readonly { readonly text: string; readonly lines: readonly Place[] }[];
}

/** Whether there was anything to judge: messages of the catalogue or devices. */
export const couldJudge = ({ sightings, listed }: Evidence): boolean =>
  sightings.length > 0 || listed.some(({ msix }) => msix !== null) || listed.length > 0;

/** From what a report holds to verdicts. */
export function diagnose(evidence: Evidence): Diagnosis {
  const found = causes.flatMap((cause) => cause(evidence));
  const covered = new Set(found.flatMap(({ explains }) => explains));
  const open = evidence.sightings.filter((one) => !covered.has(one) && isTrouble(one));
  const general = distinct(open)
    .filter(([{ message }]) => message.cure !== undefined)
    .map(([first, all]) =>
      explained({
        device: first.device,
        severity: first.message.severity,
        what: withoutPrefix(first.place.text),
        why: first.message.meaning,
        rule: first.message.rules?.[0] ?? null,
        cure: first.message.cure ?? null,
        lines: all.map(({ place }) => place),
      }),
    );
  const verdicts = [...found, ...general].map(({ verdict }) => verdict);
  return {
    verdicts,
    timeline: evidence.sightings.filter(isTrouble),
    first:
      evidence.sightings.find(({ message: { severity } }) => severity === 'error' || severity === 'fatal') ??
      null,
    unexplained: open.filter(
      ({ message: { cure, severity } }) => cure === undefined && severity !== 'warning',
    ),
    needed: [...new Set([...verdicts.flatMap(({ needed }) => needed), ...asked(evidence, verdicts)])],
    notes: boots(evidence),
  };
}

const isTrouble = ({ message: { severity } }: Sighting): boolean => severity !== 'note';

/** Sightings of one message about one device together. */
function distinct(all: readonly Sighting[]): (readonly [Sighting, readonly Sighting[]])[] {
  const groups = new Map<string, Sighting[]>();
  for (const one of all) {
    const key = `${one.id} ${one.device}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].map((group) => [group[0]!, group] as const);
}

const withoutPrefix = (text: string): string =>
  text.replace(/^.*?\(XEN\)\s*(?:\[\s*[\d.]+\]\s*)?/, '').trim();

/** Logs that a maintainer would ask for where nothing settles the matter. */
function asked(evidence: Evidence, verdicts: readonly Verdict[]): readonly string[] {
  if (verdicts.some(({ isOpen }) => !isOpen)) return [];
  const formats = new Set(evidence.artefacts.map(({ format }) => format));
  return [
    ...(formats.has('xl-dmesg') ? [] : ['xl dmesg, Xen started with loglvl=all guest_loglvl=all']),
    ...(formats.has('dmesg') ? [] : ["the hardware domain's kernel log (dmesg)"]),
    ...(formats.has('lspci') ? [] : ['lspci -vvv -xxxx as root']),
  ];
}

/** Addresses of one BAR that differ between listings are of different boots: they must not be read together. */
function boots(evidence: Evidence): Diagnosis['notes'] {
  const notes: { text: string; lines: Place[] }[] = [];
  const known = new Map<string, { base: number; place: Place }>();
  for (const { device, bars, place } of evidence.listed) {
    for (const { index, base } of bars) {
      const key = `${device} BAR ${index}`;
      const before = known.get(key);
      if (before !== undefined && before.base !== base)
        notes.push({
          text: `${key} is at 0x${before.base.toString(16)} in one listing and at 0x${base.toString(16)} in another: they are of different boots and are not read together`,
          lines: [before.place, place],
        });
      known.set(key, { base, place });
    }
  }
  return notes;
}
