import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Trouble } from '../../src/base/errors.js';
import { currentBehaviour } from '../../src/policy/behaviours.js';
import { carries } from '../../src/policy/changes/change.js';
import { type ChangeName, changesOf, has, projects } from '../../src/policy/has.js';
import {
  minorOf,
  newestOf,
  statedXen,
  type XenMinor,
  xenMinors,
  xenReleases,
} from '../../src/policy/releases.js';
import { choosePolicies, chooseSwitches } from '../../src/state/trace-env.js';

/** Behaviour of a trace from before the table. */
const before = currentBehaviour.filter((number) => number < 12);

function trouble(act: () => unknown): Trouble {
  try {
    act();
  } catch (error) {
    if (error instanceof Trouble) return error;
  }
  throw new Error('no trouble');
}

describe('which release carries a change', () => {
  it.each<[string, readonly string[], boolean]>([
    ['4.17.5', ['4.17.6', '4.18.6', '4.21.0'], false],
    ['4.17.6', ['4.17.6', '4.18.6', '4.21.0'], true],
    ['4.17', ['4.17.6', '4.18.6', '4.21.0'], true],
    // A branch between two that have it, without it.
    ['4.19.6', ['4.17.6', '4.18.6', '4.21.0'], false],
    ['4.21.0', ['4.17.6', '4.18.6', '4.21.0'], true],
    ['4.22.0', ['4.17.6', '4.18.6', '4.21.0'], true],
    ['4.23', ['4.23.0'], true],
    ['4.22', ['4.23.0'], false],
    ['6.1.135', ['6.1.136', '6.2.0'], false],
    ['6.1.136', ['6.1.136', '6.2.0'], true],
    ['6.12.0', ['6.1.136', '6.2.0'], true],
    ['10.0', ['9.2'], true],
    ['8.2', ['9.2'], false],
  ])('%s with %j: %s', (release, first, expected) => {
    expect(carries(release, first)).toBe(expected);
  });

  it('takes a minor of Xen for the newest of its tags', () => {
    expect(xenMinors.map((minor) => newestOf(minor))).toEqual([
      '4.17.7',
      '4.18.6',
      '4.19.6',
      '4.20.4',
      '4.21.2',
      '4.22.0',
      '4.23',
    ]);
    expect(new Set(xenReleases.map(minorOf))).toEqual(new Set(xenMinors.slice(0, -1)));
  });
});

describe('the tables of changes', () => {
  const rows = projects.flatMap((project) => Object.keys(changesOf[project])) as ChangeName[];
  const source = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/^policy\W/.test(file))
    .map((file) => readFileSync(join('src', file), 'utf8'))
    .join('\n');

  it.each(rows)('%s is asked for', (name) => {
    expect(source).toContain(`'${name}'`);
  });

  it('name each change once, its releases in order, none twice on a branch', () => {
    expect(new Set(rows).size).toBe(rows.length);
    for (const project of projects) {
      for (const { first } of Object.values(changesOf[project])) {
        expect(new Set(first.map(minorOf)).size).toBe(first.length);
        for (const [i, one] of first.entries()) {
          if (i > 0) expect(carries(one, [first[i - 1]!])).toBe(true);
          if (project === 'xen' && i < first.length - 1) expect(xenReleases).toContain(one);
        }
      }
    }
  });

  // Which releases of Xen 0.2.0 took to have them.
  it.each<[ChangeName, XenMinor]>([
    ['arm-pci-by-iommu-alone', '4.21'],
    ['domctl-gsi-permission', '4.20'],
    ['domctl-getdomaininfo-exact', '4.18'],
    ['hvm-maps-pirqs-freely', '4.20'],
    ['ioreq-legacy-frames-free', '4.19'],
    ['libxl-hvm-detach-revokes', '4.18'],
    ['libxl-maps-gsis', '4.20'],
    ['libxl-whole-bar-addresses', '4.21'],
    ['physdev-pci-device-reset', '4.20'],
    ['setup-gsi-for-pvh', '4.20'],
    ['sriov-links', '4.19'],
    ['sriov-unknown-physical-refused', '4.20'],
    ['vpci-checks-msix-table', '4.19'],
    ['vpci-guests', '4.19'],
    ['vpci-header-first', '4.19'],
    ['vpci-hidden-devices', '4.18'],
    ['vpci-hides-failed-capabilities', '4.21'],
    ['vpci-keeps-device-on-map-failure', '4.19'],
    ['vpci-locks-failed-capabilities', '4.22'],
    ['vpci-maps-around-host-memory', '4.19'],
    ['vpci-resizable-bars', '4.21'],
    ['vpci-status-through-masks', '4.19'],
    ['vpci-stores-capability-lists', '4.21'],
  ])('answer old traces about %s as 0.2.0 did: since %s', (name, since) => {
    const answered = xenMinors.filter((xen) =>
      has({ switches: chooseSwitches({ xen }), behaviour: before }, name),
    );
    expect(answered).toEqual(xenMinors.slice(xenMinors.indexOf(since)));
  });

  // XSA-476: the stable branches had it before 4.21 was out.
  it.each<[string, boolean]>([
    ['4.17.5', false],
    ['4.17.6', true],
    ['4.18.5', false],
    ['4.18.6', true],
    ['4.19.3', false],
    ['4.19.4', true],
    ['4.20.1', false],
    ['4.20.2', true],
    ['4.21.0', true],
    ['4.20', true],
  ])('give %s whole BAR addresses: %s', (xen, expected) => {
    const switches = chooseSwitches({ xen });
    expect(has({ switches, behaviour: currentBehaviour }, 'libxl-whole-bar-addresses')).toBe(expected);
  });
});

describe('choosing a release', () => {
  it.each([
    ['4.19.9', '4.19.6, 4.19.5, 4.19.4, 4.19.3'],
    ['4.16.2', '4.17.7, 4.17.6, 4.17.5, 4.17.4'],
  ])('xen=%s is not published: names near ones', (xen, near) => {
    const { code, detail } = trouble(() => chooseSwitches({ xen }));
    expect([code, detail.expected]).toEqual(['POL-004', near]);
  });

  it.each(['4.19.4', '4.17.0', '4.23', '4.22.0'])('xen=%s can be chosen', (xen) => {
    expect(chooseSwitches({ xen }).xen).toBe(xen);
  });

  it.each(['6.1.135', '6.12.31', '6.6.77', '6.18.48', '6.0.0'])('linux=%s can be chosen', (linux) => {
    expect(chooseSwitches({ linux }).linux).toBe(linux);
  });

  it.each(['6.12', '5.15.1', '6.12.031', '6.5.14', '6.20.1', '6.12.31-rc1', ''])(
    'linux=%s cannot',
    (linux) => {
      expect(trouble(() => chooseSwitches({ linux })).code).toBe('POL-004');
    },
  );

  it('takes offsets with their number only', () => {
    expect(choosePolicies({ 'segments.xen': 'offset:7' })['segments.xen']).toBe('offset:7');
    expect(trouble(() => choosePolicies({ 'segments.xen': 'offset:N' })).code).toBe('POL-002');
  });

  it('says when a policy was meant, or a switch', () => {
    expect(trouble(() => choosePolicies({ xen: '4.21' })).detail.hint).toContain('--switch xen=4.21');
    expect(trouble(() => chooseSwitches({ iommu: 'off' })).detail.hint).toContain('--policy iommu=off');
  });

  it('reads the release of a banner', () => {
    expect([statedXen('4.17.7'), statedXen('4.17.99'), statedXen('4.16.1'), statedXen(null)]).toEqual([
      '4.17.7',
      '4.17',
      null,
      null,
    ]);
  });
});
