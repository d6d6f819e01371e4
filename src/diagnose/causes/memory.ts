import { type Evidence, type Listed, numberIn, type Sighting, seen } from '../evidence.js';
import { type Cause, explained } from '../verdict.js';

const PAGE_BYTES = 4096;

/** A device and BAR in whose range a machine frame lies, as lspci lists it; of any listing of the report. */
function barAt(listed: readonly Listed[], mfn: number): string | null {
  const at = mfn * PAGE_BYTES;
  for (const { device, bars } of listed) {
    for (const { index, base, sizeBytes, isMemory } of bars) {
      const first = Math.floor(base / PAGE_BYTES) * PAGE_BYTES;
      if (isMemory && at >= first && at < base + sizeBytes) return `${device} BAR ${index}`;
    }
  }
  return null;
}

/** BARs that the guest's firmware placed into one page. */
function packed(evidence: Evidence, gfn: number): readonly Sighting[] {
  const inPage = seen(evidence, 'hvmloader.bar').filter((one) => {
    const address = numberIn(one, 'address');
    return address !== null && Math.floor(address / PAGE_BYTES) === gfn;
  });
  return inPage;
}

/** A guest frame gets a second mapping of registers, and Xen crashes the guest. */
export const twoInOnePage: Cause = (evidence) => {
  const refused = seen(evidence, 'xen.gfn-not-permitted');
  return refused.map((one) => {
    const [gfn, old, now] = ['gfn', 'old', 'new'].map((name) => numberIn(one, name));
    const domid = numberIn(one, 'domid');
    const first = old === null || old === undefined ? null : barAt(evidence.listed, old);
    const second = now === null || now === undefined ? null : barAt(evidence.listed, now);
    const along = [
      ...seen(evidence, 'xen.memory-map-failed', 'xen.memory-map').filter(
        (map) => numberIn(map, 'gfn') === gfn,
      ),
      ...seen(evidence, 'xen.domain-crash', 'xen_pt.map-failed'),
    ];
    const placed = gfn === null || gfn === undefined ? [] : packed(evidence, gfn);
    const page = `0x${(gfn ?? 0).toString(16)}`;
    const names =
      first !== null && second !== null
        ? `the registers of ${first} and of ${second}`
        : 'registers of two devices';
    return explained(
      {
        device: null,
        severity: 'fatal',
        what: `guest ${domid ?? '?'} is crashed: its frame ${page} would hold ${names}`,
        why: `Firmware of the guest packs BARs smaller than a page into one page${
          placed.length > 0
            ? ` (${placed.map(({ place }) => place.text.replace(/^\(d\d+\) /, '')).join('; ')})`
            : ''
        }. The first mapping stands; the second is refused with EPERM and Xen crashes the guest.`,
        rule: 'ASG-013',
        cure: 'Pass only one of the two devices through, or use a guest firmware that keeps BARs of passed-through devices a page apart.',
        needed:
          first === null || second === null
            ? ['lspci -vvv of the same boot: it names the devices of the two machine frames']
            : [],
        lines: [one, ...along, ...placed].map(({ place }) => place),
      },
      [one, ...along],
    );
  });
};
