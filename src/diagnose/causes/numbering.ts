import { seen } from '../evidence.js';
import { isBefore } from '../releases.js';
import { type Cause, explained } from '../verdict.js';

/** Devices behind Intel's VMD: their domain does not fit a segment of Xen. */
export const behindVmd: Cause = (evidence) => {
  const behind = evidence.listed.filter(({ device }) => /^[1-9a-f][0-9a-f]{4,}:/.test(device));
  const said = seen(evidence, 'xen.segment');
  if (behind.length === 0 && said.length === 0) return [];
  const vmd = evidence.listed.filter(
    ({ driver, title }) => driver === 'vmd' || /Volume Management Device/.test(title),
  );
  const device = behind[0]?.device ?? said[0]?.device ?? null;
  const before = isBefore(evidence, 'linux', '6.12.31');
  return [
    explained(
      {
        device,
        what: 'a device behind VMD gets no interrupts under Xen',
        why: `Its PCI domain (${device?.split(':')[0] ?? '0x10000 and up'}) is one that Linux made up for the buses behind VMD and does not fit the 16 bits of a segment in Xen. The VMD takes the messages of its devices and sends its own, so Xen must not be asked to remap them.`,
        rule: 'SEG-005',
        cure: 'Linux 6.12.31, 6.15 or later in the hardware domain: it leaves devices behind VMD to the VMD. Or turn VMD off in the firmware. Passing one such device through is not possible; the VMD as a whole is.',
        releases: ['Linux 6.12.31 and 6.15 mend it'],
        needed:
          before === null && said.length === 0
            ? ["the release of the hardware domain's Linux (uname -r)"]
            : [],
        lines: [...behind, ...vmd, ...said].map(({ place }) => place),
      },
      said,
    ),
  ];
};
