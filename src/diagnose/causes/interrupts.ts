import { numberIn, seen } from '../evidence.js';
import { isBefore, releaseOf } from '../releases.js';
import { byDevice, type Cause, type Explained, explained } from '../verdict.js';

/** What a domain calls itself. @source xen: xen/include/public/xen.h, DOMID_SELF */
const DOMID_SELF = 0x7ff0;

/** A driver of the host gets no interrupts: in Xen its device is still somebody else's. */
export const drivenInQuarantine: Cause = (evidence) => {
  const failed = seen(evidence, 'pciback.map-irq-failed').filter(
    (one) => numberIn(one, 'errno') === -19 && numberIn(one, 'domid') === DOMID_SELF,
  );
  return [...byDevice(failed)].map(([device, all]): Explained => {
    const bySysfs = evidence.typed.filter(
      ({ words }) =>
        words[0] === 'echo' &&
        words.some((word) => /\/drivers\/\w+\/(?:un)?bind/.test(word)) &&
        (device === null || words.some((word) => device.endsWith(word))),
    );
    return explained(
      {
        device,
        what: 'a driver of the host gets no interrupts for its device',
        why: `32752 is DOMID_SELF: the hardware domain asks for itself, and Xen answers ENODEV since the device is not its own there. It is still in quarantine, where pci-assignable-add put it${
          bySysfs.length > 0
            ? '; it came back by writing to sysfs, which tells Xen nothing'
            : '; a device that comes back by sysfs (echo … > bind) stays there, since that tells Xen nothing'
        }.`,
        rule: 'ASG-016',
        cure: `xl pci-assignable-remove ${device ?? '<device>'}: it takes the device out of quarantine; then bind the driver again.`,
        lines: [...all.map(({ place }) => place), ...bySysfs.map(({ place }) => place)],
      },
      all,
    );
  });
};

/** The guest (or Dom0) has used up its pirqs. */
export const pirqsUsedUp: Cause = (evidence) => {
  const failed = seen(
    evidence,
    'pciback.map-irq-failed',
    'pciback.msix-failed',
    'pciback.msi-failed',
    'xen.pirq-exhausted',
    'xen_pt.msix-map-failed',
    'pcifront.msix',
  ).filter((one) => one.id === 'xen.pirq-exhausted' || numberIn(one, 'errno') === -28);
  if (failed.length === 0) return [];
  const option = evidence.options.find(({ name }) => name === 'extra_guest_irqs');
  return [
    explained(
      {
        device: failed.find(({ device }) => device !== null)?.device ?? null,
        what: 'the guest has no pirqs left',
        why: `ENOSPC (28) on mapping an MSI: each vector takes a pirq of the guest, and Xen gives a guest only so many${
          option === undefined ? '' : `; extra_guest_irqs=${option.value} is what this machine adds`
        }.`,
        rule: 'IRQ-003',
        cure: "Raise extra_guest_irqs=<guests>,<Dom0> on Xen's command line, or let the driver use fewer queues.",
        needed: option === undefined ? ["Xen's command line (xl dmesg)"] : [],
        lines: [...failed.map(({ place }) => place), ...(option === undefined ? [] : [option.place])],
      },
      failed,
    ),
  ];
};

/** MSI-X is turned on while pciback still has it on. */
export const stillOn: Cause = (evidence) => {
  const all = seen(evidence, 'pcifront.error', 'pcifront.msix').filter(
    (one) => numberIn(one, 'errno') === -114,
  );
  return [...byDevice(all)].map(([device, lines]): Explained => {
    const queues = seen(evidence, 'nvme.queues');
    const linux = releaseOf(evidence, 'linux');
    return explained(
      {
        device,
        what: 'the guest cannot turn MSI-X on a second time',
        why: `ffffff8e is -114 (EALREADY): in pciback MSI-X of the device is still on. Guests since Linux 5.17 turn MSI-X off with the request for MSI, which pciback passes over while MSI is not on${
          queues.length > 0 ? '; the driver goes on with the vectors it can get' : ''
        }.`,
        rule: 'PV-001',
        cure: 'A guest kernel before 5.17, or one that is mended; a detach and attach of the device clears it once.',
        releases: [`guests since Linux 5.17${linux === null ? '' : ` (this report names ${linux.version})`}`],
        lines: [...lines, ...queues].map(({ place }) => place),
      },
      lines,
    );
  });
};

/** The hardware domain cannot do MSI at all. */
export const withoutMsi: Cause = (evidence) => {
  const failed = seen(evidence, 'pciback.msix-failed', 'pciback.msi-failed').filter(
    (one) => numberIn(one, 'errno') === -22,
  );
  return [...byDevice(failed)].map(([device, lines]): Explained => {
    const option = evidence.options.find(
      ({ name, value }) => name === 'pci' && /\bnomsi\b/.test(value ?? ''),
    );
    return explained(
      {
        device,
        what: 'neither MSI nor MSI-X can be turned on for the guest',
        why: `EINVAL (22) for ${lines.length > 1 ? 'both' : 'it'} comes from the hardware domain's own kernel before Xen is asked: it runs without MSI, as with pci=nomsi on its command line${
          option === undefined ? '' : ', which is there'
        }.`,
        rule: 'PV-001',
        cure: 'Take pci=nomsi off the command line of the hardware domain.',
        isOpen: option === undefined,
        needed:
          option === undefined
            ? ["the hardware domain's command line (cat /proc/cmdline): is pci=nomsi in it?"]
            : [],
        lines: [...lines.map(({ place }) => place), ...(option === undefined ? [] : [option.place])],
      },
      lines,
    );
  });
};

/** A message with a delivery mode that Xen does not deliver. */
export const deliveryMode: Cause = (evidence) => {
  const all = seen(evidence, 'xen.delivery-mode');
  if (all.length === 0) return [];
  const mode = numberIn(all[0]!, 'mode');
  const guests = [...new Set(all.map((one) => numberIn(one, 'domid')))];
  const devices = [...new Set(seen(evidence, 'xen_pt.assigning').map(({ device }) => device))];
  const names = ['fixed', 'lowest priority', 'SMI', 'reserved', 'NMI', 'INIT', 'reserved', 'ExtINT'];
  return [
    explained(
      {
        device: devices.length === 1 ? (devices[0] ?? null) : null,
        what: `Xen drops an interrupt of a passed-through device of guest ${guests.join(', ')}`,
        why: `The guest's driver programmed an MSI with delivery mode ${mode} (${names[mode ?? 0] ?? 'unknown'}); Xen delivers fixed and lowest priority only. The name before the colon is whose virtual CPU was running, not whose device it is.`,
        rule: 'MSI-002',
        cure: 'Look at what the driver writes into the message data register: ones stand there after a device was asleep or reset when its registers were read back.',
        needed: [
          "the device model's log with its MSI messages (Updating MSI …) and the log of the driver in the guest, of the moment",
        ],
        lines: all.map(({ place }) => place),
      },
      all,
    ),
  ];
};

/** Firmware left MSI-X masked; older releases of Xen refuse such a device. */
export const maskedByFirmware: Cause = (evidence) => {
  const listed = evidence.listed.filter(({ msix }) => msix?.masked === true && !msix.enabled);
  const cleared = seen(evidence, 'xen.maskall');
  const busy = seen(
    evidence,
    'pciback.prepare-msix',
    'libxl.assign-failed',
    'xen.assign-failed',
    'libxl.quarantine-failed',
  );
  const before = isBefore(evidence, 'xen', '4.18');
  if (cleared.length > 0 || (listed.length > 0 && before !== false)) {
    return (listed.length > 0 ? listed : [null]).map((one) =>
      explained(
        {
          device: (one?.device || cleared[0]?.device) ?? null,
          severity: cleared.length > 0 ? 'warning' : 'error',
          what: 'firmware left MSI-X of the device masked as a whole (MASKALL)',
          why:
            cleared.length > 0
              ? 'Xen saw it at boot and cleared it.'
              : 'With MSI-X off and Masked+, Xen before 4.18 and 4.17.2 takes the device for one in use and refuses it with EBUSY; later releases clear the bit at boot and warn.',
          cure: 'Xen 4.18, 4.17.2 or later. Until then clear the bit by hand before the device is given away: setpci -s <device> <MSI-X capability + 2>.W=<value without bit 14>.',
          releases: [
            'Xen before 4.17.2 and 4.18 refuses the device',
            'mended by commit 913751d7af (4.18, 4.17.2)',
          ],
          needed: before === null && cleared.length === 0 ? ['the release of Xen (xl info)'] : [],
          lines: [...(one === null ? [] : [one.msix!.place]), ...cleared.map(({ place }) => place)],
        },
        [...cleared, ...busy.filter((sighting) => one !== null && sighting.device === one.device)],
      ),
    );
  }
  return [];
};

/** The interrupt line of a device cannot be bound; for line 0 nobody knows why in public. */
export const lineNotBound: Cause = (evidence) =>
  seen(evidence, 'xen_pt.intx-bind').map((one) => {
    const irq = numberIn(one, 'irq');
    const devices = [
      ...new Set(seen(evidence, 'xen_pt.assigning', 'xen_pt.registered').map(({ device }) => device)),
    ];
    return explained(
      {
        device: devices.length === 1 ? (devices[0] ?? null) : null,
        what: `the interrupt line of the device cannot be bound${irq === 0 ? ': it is line 0' : ''}`,
        why:
          irq === 0
            ? 'The interrupt line register of the device says 0: it has no line, or nobody routed one. Line 0 is the timer of the host, which nobody shares. Why the register says 0 here is not known from this report.'
            : `Xen refused to bind interrupt ${irq ?? '?'} for the guest; ${one.fields.get('reason')?.raw ?? 'no reason is given'}.`,
        isOpen: true,
        cure: null,
        needed: [
          'cat /sys/bus/pci/devices/<device>/irq and lspci -vv of the device in the hardware domain: which line has it there?',
          'xl dmesg with loglvl=all guest_loglvl=all of the moment: "Cannot bind IRQ…" says who holds the line',
        ],
        lines: [one.place],
      },
      [one],
    );
  });
