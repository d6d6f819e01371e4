import { type Evidence, numberIn, type Sighting, seen } from '../evidence.js';
import { byDevice, type Cause, type Explained, explained } from '../verdict.js';

/** Containment of a port near a device's trouble: the port's lines, when they stand in the same boot. */
function containment(evidence: Evidence, of: Sighting): readonly Sighting[] {
  return seen(evidence, 'dpc.event', 'aer.bit', 'aer.status').filter(({ boot }) => boot === of.boot);
}

/** A device does not come back from its reset, and Xen refuses it from then on. */
export const doesNotComeBack: Cause = (evidence) =>
  [...byDevice(seen(evidence, 'reset.given-up'))].map(([device, [given]]): Explained => {
    const waiting = seen(evidence, 'reset.not-ready').filter((one) => one.device === device);
    const refused = seen(evidence, 'libxl.quarantine-failed', 'libxl.dequarantine-failed').filter(
      (one) => one.device === device,
    );
    const port = containment(evidence, given!);
    const ports = new Set(port.map((one) => one.device));
    // The same port on other days, and what is said of a device that does not answer.
    const along = [
      ...seen(evidence, 'dpc.event', 'aer.bit', 'aer.status').filter((one) => ports.has(one.device)),
      ...seen(evidence, 'aer.no-callback', 'pciback.not-found').filter((one) => one.device === device),
    ];
    const why = [
      'It answers no configuration reads after the reset: every register reads as ones.',
      port.some(({ id }) => id === 'dpc.event')
        ? `The port ${port[0]!.device ?? ''} took its link down at that moment (downstream port containment${
            port.some(({ fields }) => fields.get('name')?.raw === 'ACSViol')
              ? ', the error is ACSViol: a request with a requester id that the port does not accept'
              : ''
          }), when pciback reset the device.`
        : null,
      refused.length > 0
        ? 'Xen then refuses it: in a device that reads as ones MASKALL of MSI-X is set, and the answer is EBUSY; so the quarantine fails.'
        : null,
    ];
    return explained(
      {
        device,
        what: 'the device does not come back from its reset',
        why: why.filter((part) => part !== null).join(' '),
        rule: 'ASG-018',
        cure:
          port.length > 0
            ? 'Only a link that comes up again (or a cold restart) brings it back. Keep the containment of that port out of the way while the device is reset (pcie_ports=compat), or take the reset away from pciback.'
            : 'A cold restart brings it back. The model may need a quirk of the kernel for its reset; runtime power management (d3cold) of the port above is worth turning off.',
        lines: [...waiting.slice(0, 1), given!, ...port, ...refused].map(({ place }) => place),
        needed: port.length > 0 ? [] : ['lspci -vvv of the device and of the port above it, as root'],
      },
      [...waiting, given!, ...port, ...refused, ...along],
    );
  });

/** The MSI-X table was never prepared, since its BAR had no address; what fails because of it later. */
export const tableNeverPrepared: Cause = (evidence) =>
  [...byDevice(seen(evidence, 'pciback.prepare-msix'))].flatMap(([device, failures]): Explained[] => {
    const failure = failures.find((one) => numberIn(one, 'errno') === -6);
    if (failure === undefined) return [];
    const release = seen(evidence, 'pciback.release-msix').filter((one) => one.device === device);
    const mapping = seen(evidence, 'xen_pt.msix-map-failed').filter((one) => numberIn(one, 'errno') === -61);
    const link = seen(evidence, 'dpc.event');
    const why = [
      'When pciback took the device, the BAR that holds its MSI-X table had no address (ENXIO), so Xen never prepared the table.',
      link.length > 0
        ? 'The link had been down before (downstream port containment): a device that comes back has lost its BARs, and they read 0.'
        : 'A reset of the link or of the bus clears BARs; nothing wrote them anew.',
      release.length > 0 ? 'The release fails in turn (EBUSY).' : null,
      mapping.length > 0
        ? "That is why QEMU's mapping of MSI-X ends with 61 (ENODATA): the table it wants is not known to Xen."
        : null,
    ];
    return [
      explained(
        {
          device,
          what: 'MSI-X of the device was never prepared',
          why: why.filter((part) => part !== null).join(' '),
          cure: 'Take the device from pciback, let the kernel find it anew (echo 1 > remove of the device, echo 1 > /sys/bus/pci/rescan), see in lspci that its BARs have addresses, then pci-assignable-add.',
          lines: [...failures, ...release, ...mapping].map(({ place }) => place),
        },
        [...failures, ...release, ...mapping],
      ),
    ];
  });

/** The same from the other end: QEMU finds no prepared table, and the kernel's log is not in the report. */
export const tableNotKnown: Cause = (evidence) => {
  if (seen(evidence, 'pciback.prepare-msix').length > 0) return [];
  return seen(evidence, 'xen_pt.msix-map-failed')
    .filter((one) => numberIn(one, 'errno') === -61)
    .slice(0, 1)
    .map((one) =>
      explained(
        {
          device: null,
          what: 'MSI-X of the device was never prepared for the guest',
          why: 'Xen answers ENODATA (61) where pciback has not had the MSI-X table prepared: its preparation failed, or a release before it did ("MSI-X release failed (-16)") and the second preparation was not made. What the guest writes into the table does not reach the card.',
          cure: 'Take the device from pciback and give it back (pci-assignable-remove, rescan, pci-assignable-add) before the next start.',
          needed: ["the hardware domain's kernel log (dmesg) of the pci-assignable-add, for the errno"],
          lines: [one.place],
        },
        [one],
      ),
    );
};
