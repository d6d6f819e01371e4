import { hex } from '../base/hex.js';
import { busOf, formatSbdf } from '../pci/sbdf.js';
import { type Window, windowsOverlap } from '../pci/windows.js';
import {
  forwardedBy,
  isCovered,
  type KnownRegion,
  regionsOf,
  type Space,
  showWindow,
} from './address-registers.js';
import { bridgeTo, functionsOn, type Learnt } from './guest-config.js';
import { nothing } from './guest-names.js';
import { isBridge, type KnownFunction, secondaryOf } from './known-function.js';
import { overGuestConfig } from './over-guest-config.js';
import type { Report, Rule } from './rule.js';

const SPACES: readonly Space[] = ['memory', 'io'];

/** The function an access changed, and what stands behind it: all that its windows and numbers concern. */
const concerned = ({ guest, fn }: Learnt): readonly KnownFunction[] =>
  isBridge(fn) ? [fn, ...functionsOn(guest, secondaryOf(fn))] : [fn];

const outsideWindow: Rule = {
  code: 'BRG-001',
  severity: 'error',
  title: 'A BAR lies outside the windows of its bridge',
  doc: 'A function decodes memory or ports at an address that the bridge above it does not forward, or not as a whole: accesses end at the bridge.',
  watch: (_env, shared) =>
    overGuestConfig(shared, (learnt, once, { report }) => {
      if (!learnt.news) return;
      for (const fn of concerned(learnt)) {
        const bridge = bridgeTo(learnt.guest, busOf(fn.sbdf));
        if (bridge === null || bridge === fn) continue;
        for (const region of regionsOf(fn)) {
          const forwarded = forwardedBy(bridge, region.space);
          if (forwarded === null || isCovered(region, forwarded.ranges)) continue;
          if (!once(`${fn.sbdf}:${region.name}:${region.base}`)) continue;
          report({
            ...nothing,
            message: `${region.name} of ${formatSbdf(fn.sbdf)} at ${showWindow(region)} is not within the windows of ${formatSbdf(bridge.sbdf)}: ${forwarded.text}`,
            evidence: {
              ...evidenceOf(fn, region),
              bridge: formatSbdf(bridge.sbdf),
              forwards: forwarded.text,
            },
          });
        }
      }
    }),
};

const evidenceOf = (fn: KnownFunction, { name, space, base, sizeBytes }: KnownRegion) => ({
  sbdf: formatSbdf(fn.sbdf),
  region: name,
  space,
  address: hex(base),
  sizeBytes,
});

const siblingsOverlap: Rule = {
  code: 'BRG-002',
  severity: 'error',
  title: 'Windows of sibling bridges overlap',
  doc: 'Two bridges on one bus forward the same addresses: on hardware both claim the access, in QEMU the one written last answers.',
  watch: (_env, shared) =>
    overGuestConfig(shared, ({ guest, fn, news }, once, { report }) => {
      if (!news || !isBridge(fn)) return;
      for (const space of SPACES) {
        const own = forwardedBy(fn, space)?.ranges ?? [];
        if (own.length === 0) continue;
        for (const other of functionsOn(guest, busOf(fn.sbdf))) {
          if (other === fn || !isBridge(other)) continue;
          const meeting = firstMeeting(own, forwardedBy(other, space)?.ranges ?? []);
          if (meeting === null) continue;
          const pair = [fn.sbdf, other.sbdf].sort((a, b) => a - b);
          if (!once(`${pair.join('-')}:${space}`)) continue;
          const ports = space === 'io' ? 'I/O ' : '';
          report({
            ...nothing,
            message: `${formatSbdf(fn.sbdf)} forwards ${ports}${showWindow(meeting.a)} and ${formatSbdf(other.sbdf)} on the same bus ${ports}${showWindow(meeting.b)}`,
            evidence: {
              space,
              bridge: formatSbdf(fn.sbdf),
              window: showWindow(meeting.a),
              sibling: formatSbdf(other.sbdf),
              siblingWindow: showWindow(meeting.b),
            },
          });
        }
      }
    }),
};

function firstMeeting(
  left: readonly Window[],
  right: readonly Window[],
): { readonly a: Window; readonly b: Window } | null {
  for (const a of left) for (const b of right) if (windowsOverlap(a, b)) return { a, b };
  return null;
}

const nestedOutside: Rule = {
  code: 'BRG-007',
  severity: 'warning',
  title: 'A window of a bridge reaches beyond the bridge above it',
  doc: 'An inner bridge would forward addresses that never reach it, because the bridge above does not forward them: what is placed there is out of reach.',
  watch: (_env, shared) =>
    overGuestConfig(shared, (learnt, once, { report }) => {
      if (!learnt.news || !isBridge(learnt.fn)) return;
      for (const inner of concerned(learnt)) {
        if (!isBridge(inner)) continue;
        const outer = bridgeTo(learnt.guest, busOf(inner.sbdf));
        if (outer === null || outer === inner) continue;
        for (const space of SPACES) {
          const above = forwardedBy(outer, space);
          const lost = forwardedBy(inner, space)?.ranges.find(
            (range) => range.sizeBytes > 0 && above !== null && !isCovered(range, above.ranges),
          );
          if (above === null || lost === undefined) continue;
          if (!once(`${inner.sbdf}:${space}:${lost.base}`)) continue;
          report({
            ...nothing,
            message: `${formatSbdf(inner.sbdf)} forwards ${space === 'io' ? 'I/O ' : ''}${showWindow(lost)}, which ${formatSbdf(outer.sbdf)} above it does not pass on as a whole: ${above.text}`,
            evidence: {
              space,
              bridge: formatSbdf(inner.sbdf),
              window: showWindow(lost),
              above: formatSbdf(outer.sbdf),
              forwards: above.text,
            },
          });
        }
      }
    }),
};

/** Something on a bus that claims addresses: a region of its function, or what a bridge forwards. */
interface Claim extends Window {
  readonly fn: KnownFunction;
  readonly space: Space;
  readonly region: string | null;
}

const barsOverlap: Rule = {
  code: 'BRG-008',
  severity: 'error',
  title: 'Two BARs on one bus overlap',
  doc: 'Two BARs, or a BAR and what a bridge beside it forwards, claim the same addresses: on hardware both answer, in QEMU the one mapped last does.',
  watch: (_env, shared) =>
    overGuestConfig(shared, ({ guest, fn, news }, once, { report }) => {
      if (!news) return;
      const bars = barsOf(fn);
      const windows = windowsOf(fn);
      if (bars.length + windows.length === 0) return;
      for (const other of functionsOn(guest, busOf(fn.sbdf))) {
        const theirs = barsOf(other);
        const found = [...meetings(bars, [...theirs, ...windowsOf(other)]), ...meetings(windows, theirs)];
        for (const [a, b] of found) {
          if (once([keyOf(a), keyOf(b)].sort().join('|'))) report(bothAnswer(a, b));
        }
      }
    }),
};

function* meetings(left: readonly Claim[], right: readonly Claim[]): Generator<readonly [Claim, Claim]> {
  for (const a of left) {
    for (const b of right) {
      const same = a.fn === b.fn && a.region === b.region;
      if (!same && a.space === b.space && windowsOverlap(a, b)) yield [a, b];
    }
  }
}

const barsOf = (fn: KnownFunction): Claim[] =>
  regionsOf(fn).map((region) => ({ ...region, fn, region: region.name }));

const windowsOf = (fn: KnownFunction): Claim[] =>
  !isBridge(fn)
    ? []
    : SPACES.flatMap((space) =>
        (forwardedBy(fn, space)?.ranges ?? []).map((range) => ({ ...range, fn, space, region: null })),
      );

const keyOf = ({ fn, region, base }: Claim): string => `${fn.sbdf} ${region} ${base}`;

const textOf = (claim: Claim): string =>
  claim.region === null
    ? `what ${formatSbdf(claim.fn.sbdf)} forwards, ${showWindow(claim)},`
    : `${claim.region} of ${formatSbdf(claim.fn.sbdf)} at ${showWindow(claim)}`;

function bothAnswer(a: Claim, b: Claim): Report {
  const base = Math.max(a.base, b.base);
  const common = { base, sizeBytes: Math.min(a.base + a.sizeBytes, b.base + b.sizeBytes) - base };
  return {
    ...nothing,
    message: `${textOf(a)} and ${textOf(b)} overlap in ${a.space === 'io' ? 'I/O ' : ''}${showWindow(common)}`,
    evidence: {
      space: a.space,
      sbdf: formatSbdf(a.fn.sbdf),
      other: formatSbdf(b.fn.sbdf),
      first: hex(common.base),
      sizeBytes: common.sizeBytes,
    },
  };
}

/** Rules about bridges' windows and the addresses of what is behind them. @source facts/q35-qemu 2.3, 2.5, 2.6 */
export const bridgeWindowRules = { outsideWindow, siblingsOverlap, nestedOutside, barsOverlap } as const;
