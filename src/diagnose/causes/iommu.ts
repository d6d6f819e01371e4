import { type Evidence, numberIn, type Place, type Sighting, seen, textIn } from '../evidence.js';
import { isBefore, releaseOf } from '../releases.js';
import { type Cause, type Explained, explained } from '../verdict.js';

/** `ssss:bb:dd` and the function of a name in our spelling. */
function slotOf(device: string): { readonly slot: string; readonly fn: number } {
  return { slot: device.slice(0, -2), fn: Number(device.slice(-1)) };
}

/** Functions that exist, as far as the report shows: listed by lspci, or named by a table of firmware. */
function existing(evidence: Evidence): ReadonlySet<string> {
  return new Set([
    ...evidence.listed.map(({ device }) => device),
    ...seen(evidence, 'vtd.scope', 'xen.pci-add', 'pci.found').flatMap(({ device }) =>
      device === null ? [] : [device],
    ),
  ]);
}

/** Requests come under ids of functions that a card does not have. */
export const phantomFunctions: Cause = (evidence) => {
  const known = existing(evidence);
  const faults = seen(evidence, 'vtd.fault', 'amd.fault').filter(({ device }) => device !== null);
  const slots = new Map<string, Sighting[]>();
  for (const fault of faults) {
    const { slot } = slotOf(fault.device!);
    const siblings = [...known].filter((device) => slotOf(device).slot === slot);
    if (known.has(fault.device!) || siblings.length === 0) continue;
    slots.set(slot, [...(slots.get(slot) ?? []), fault]);
  }
  return [...slots].map(([slot, all]): Explained => {
    const real = [...known].filter((device) => slotOf(device).slot === slot).sort();
    const ghosts = [...new Set(all.map(({ device }) => device!))].sort();
    const stride = 2 ** Math.floor(Math.log2(Math.max(1, slotOf(ghosts[0]!).fn)));
    const bus = slot.replace(/^0000:/, '');
    return explained(
      {
        device: real[0] ?? null,
        what: `the card at ${bus} sends under requester ids of functions that it does not have (${ghosts.join(', ')})`,
        why: `Only ${real.join(', ')} exist${real.length === 1 ? 's' : ''}; Xen has no entry for the other ids, so their requests fault and are dropped.`,
        rule: 'IOM-009',
        cure: `pci-phantom=${bus},${stride} on Xen's command line: Xen then gives the phantom functions the entries of the real one.`,
        lines: [...all.map(({ place }) => place), ...placesOf(evidence, real)],
      },
      all,
    );
  });
};

function placesOf(evidence: Evidence, devices: readonly string[]): Place[] {
  return [
    ...seen(evidence, 'vtd.scope').filter(({ device }) => device !== null && devices.includes(device)),
    ...evidence.listed.filter(({ device }) => devices.includes(device)),
  ].map(({ place }) => place);
}

/** A device shares memory that firmware reserves, and Xen refuses it. */
export const sharedReserved: Cause = (evidence) => {
  const all = seen(evidence, 'vtd.shared-rmrr').filter(({ place }) => /disallowed/.test(place.text));
  return all.map((one) => {
    const refused = seen(evidence, 'libxl.assign-failed');
    const base = textIn(one, 'base');
    return explained(
      {
        device: one.device,
        what: `Xen refuses to give the device to a guest: it shares reserved memory at ${base}`,
        why: 'Firmware declares one piece of memory for several devices (RMRR); a guest that has one of them would reach into what the others use. Xen answers EPERM unless the policy is relaxed.',
        rule: 'ASG-012',
        cure: 'rdm_policy=relaxed for the device in the configuration (pci=["…,rdm_policy=relaxed"]), where the guest is trusted.',
        lines: [one, ...refused].map(({ place }) => place),
      },
      [one, ...refused],
    );
  });
};

/** StreamIDs that ARM boards give devices which are no PCI functions. @source linux: arch/arm64/boot/dts/xilinx/zynqmp.dtsi, iommus, v6.12 */
const boardStreams: readonly { readonly unit: RegExp; readonly of: ReadonlyMap<number, string> }[] = [
  {
    unit: /smmu@fd800000/,
    of: new Map([
      [0x860, 'USB controller 0'],
      [0x861, 'USB controller 1'],
      [0x870, 'SD/MMC controller 0'],
      [0x871, 'SD/MMC controller 1'],
      [0x872, 'NAND controller'],
      [0x873, 'QSPI controller'],
      [0x874, 'Ethernet controller 0'],
      [0x875, 'Ethernet controller 1'],
      [0x876, 'Ethernet controller 2'],
      [0x877, 'Ethernet controller 3'],
      [0x4c0, 'SATA controller'],
      [0x4d0, 'PCI host bridge'],
    ]),
  },
];

/** What the SMMU says where it refuses a request before it knows whose it is. */
export const smmuGlobalFault: Cause = (evidence) => {
  const words = seen(evidence, 'smmu.global-fault-words');
  const heads = seen(evidence, 'smmu.global-fault');
  const groups = new Map<string, Sighting[]>();
  for (const one of words) {
    const key = `${textIn(one, 'unit')} ${textIn(one, 'gfsr')} ${textIn(one, 'syn1')}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].map((all): Explained => {
    const [one] = all;
    const status = numberIn(one!, 'gfsr') ?? 0;
    const stream = (numberIn(one!, 'syn1') ?? 0) & 0x7fff;
    const unit = textIn(one!, 'unit') ?? '';
    const owner = boardStreams.find(({ unit: name }) => name.test(unit))?.of.get(stream) ?? null;
    const id = `0x${stream.toString(16)}`;
    const lines = [...heads.filter(({ fields }) => fields.get('unit')?.raw === unit), ...all];
    const common = { severity: 'error' as const, device: null, lines: lines.map(({ place }) => place) };
    if ((status & 0b100) !== 0) {
      return explained(
        {
          ...common,
          what: `the SMMU ${unit} finds two entries for one StreamID (stream match conflict)`,
          why: 'GFSR bit 2: two stream match entries fit the same id. Two devices share a StreamID and each got an entry of its own.',
          rule: 'IOM-005',
          cure: 'Xen 4.16 or later, which shares one entry between them; both devices then have to belong to one domain.',
          releases: ['Xen before 4.16'],
        },
        lines,
      );
    }
    const noPci = isPciMissing(evidence);
    const platform = owner !== null && !owner.includes('PCI');
    return explained(
      {
        ...common,
        what: `the SMMU ${unit} has no entry for StreamID ${id} (unidentified stream)`,
        why: platform
          ? `GFSR bit 1: a request came under an id without an entry. ${id} is the ${owner} of this board: a platform device, not PCI. Its entry went away when the guest that had it ended, and the second creation did not make one, or it still sends.`
          : `GFSR bit 1: a request came under an id without an entry.${
              noPci.length > 0
                ? ' This Xen has no PCI on ARM: it reads `iommus` of device tree nodes only, never `iommu-map` of a host bridge, so no PCI device gets an entry.'
                : ' Xen has given the device with that id to nobody.'
            }`,
        rule: 'IOM-001',
        cure: platform
          ? 'Not a matter of PCI passthrough: look at `xen,passthrough` and `iommus` of that node, and at what resets the device between two guests.'
          : 'PCI behind an SMMU needs Xen 4.21 or later built with PCI_PASSTHROUGH; before, leave the SMMU out (iommu=off) or give the host bridge to Dom0 without translation.',
        releases: platform ? [] : ['Xen before 4.21 has no PCI on ARM'],
        isOpen: !platform && noPci.length === 0,
        needed:
          platform || noPci.length > 0
            ? []
            : [
                'the device tree of the board (iommu-map of the host bridge): which device has that StreamID?',
              ],
      },
      [...lines, ...(platform ? [] : noPci)],
    );
  });
};

/** Signs that Xen on this ARM machine has no PCI. */
function isPciMissing(evidence: Evidence): readonly Sighting[] {
  return [
    ...seen(evidence, 'xen.physdev-not-implemented'),
    ...(isBefore(evidence, 'xen', '4.21') === true || seen(evidence, 'arm.its-command').length > 0
      ? seen(evidence, 'xen.failed-to-add', 'arm.its-command')
      : []),
  ];
}

/** Dom0 tells an ARM Xen of devices, and Xen has no PCI. */
export const armWithoutPci: Cause = (evidence) => {
  const refused = seen(evidence, 'xen.physdev-not-implemented');
  const failed = seen(evidence, 'xen.failed-to-add');
  if (refused.length === 0) return [];
  const xen = releaseOf(evidence, 'xen');
  return [
    explained(
      {
        device: failed[0]?.device ?? null,
        what: 'Xen takes note of no PCI device',
        why: `Every physdev_op is answered with ENOSYS: this Xen on ARM is built without PCI${
          xen === null ? '' : ` (${xen.version})`
        }. Passthrough does not work; interrupts by MSI work only where Xen does not have to know the device.`,
        rule: 'SEG-002',
        cure: 'Xen 4.21 or later with CONFIG_PCI_PASSTHROUGH (EXPERT).',
        releases: ['Xen before 4.21 has no PCI on ARM'],
        lines: [...refused, ...failed].map(({ place }) => place),
      },
      [...refused, ...failed],
    ),
  ];
};
