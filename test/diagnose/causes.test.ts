import { describe, expect, it } from 'vitest';
import { couldJudge, diagnose } from '../../src/diagnose/diagnose.js';
import { readReport } from '../../src/diagnose/read.js';
import { rules } from '../../src/rules/index.js';

const from = (text: string) => diagnose(readReport([{ name: 'mail.txt', text }]));

/** Reports of one cause each, with other devices and numbers than any recorded one, and what must be said. */
const reports: readonly [cause: string, text: string, says: readonly RegExp[]][] = [
  [
    'a dead device, with containment above it',
    `[  10.000000] pcieport 0000:00:1c.4: DPC: containment event, status:0x1f01 source:0x0000
[  11.000000] pciback 0000:42:00.0: not ready 1023ms after bus reset; waiting
[  99.000000] pciback 0000:42:00.0: not ready 65535ms after bus reset; giving up
libxl: error: libxl_pci.c:1:f: failed to quarantine 0000:42:00.0`,
    [/0000:42:00\.0: the device does not come back/, /0000:00:1c\.4 took its link down/, /MASKALL/],
  ],
  [
    'a dead device without it',
    '[  99.000000] pciback 0000:42:00.0: not ready 65535ms after FLR; giving up',
    [/does not come back/, /d3cold/],
  ],
  [
    'a table that was never prepared',
    `pciback 0000:42:00.0: xen_pciback: MSI-X preparation failed (-6)
[00:05.0] msi_msix_setup: Error: Mapping of MSI-X (err: 61, vec: 0x30, entry 0)`,
    [/0000:42:00\.0: MSI-X of the device was never prepared/, /ENODATA/],
  ],
  [
    'the same seen from QEMU alone',
    '[00:05.0] msi_msix_setup: Error: Mapping of MSI-X (err: 61, vec: 0x41, entry 2)',
    [/never prepared/, /kernel log/],
  ],
  [
    'two devices in one page',
    `0000:42:00.0 Ethernet controller: Somebody
        Region 2: Memory at 90000800 (32-bit, non-prefetchable) [size=256]
0000:43:00.0 Ethernet controller: Somebody
        Region 4: Memory at 90003000 (32-bit, non-prefetchable) [size=256]

(d9) pci dev 05:0 bar 18 size 000000100: 0f4008100
(XEN) d9: GFN 0xf4008 (0x90000,0,5,7) -> (0x90003,0,5,7) not permitted`,
    [/guest 9 is crashed.*0xf4008/, /0000:42:00\.0 BAR 2 and of 0000:43:00\.0 BAR 4/],
  ],
  [
    'a device that is still in quarantine',
    `nvme 0000:42:00.0: xen map irq failed -19 for 32752 domain
# echo 0000:42:00.0 > /sys/bus/pci/drivers/nvme/bind`,
    [
      /0000:42:00\.0: a driver of the host gets no interrupts/,
      /sysfs, which tells Xen nothing/,
      /pci-assignable-remove 0000:42:00\.0/,
    ],
  ],
  [
    'no pirqs left',
    `pciback 0000:42:00.0: xen map irq failed -28 for 5 domain
(XEN) Command line: console=com1 extra_guest_irqs=64`,
    [/no pirqs left/, /extra_guest_irqs=64/],
  ],
  [
    'MSI-X still on',
    'nvme 0000:42:00.0: enable msix get err ffffff8e',
    [/0000:42:00\.0.*second time/, /5\.17/],
  ],
  [
    'a hardware domain without MSI, with its command line',
    `pciback 0000:42:00.0: xen_pciback: error enabling MSI for guest 4: err -22
root=/dev/sda1 pci=nomsi quiet`,
    [/neither MSI nor MSI-X/, /which is there/],
  ],
  [
    'a delivery mode that Xen does not deliver',
    '(XEN) d7v1: Unsupported MSI delivery mode 2 for Dom7',
    [/guest 7/, /delivery mode 2 \(SMI\)/],
  ],
  [
    'a mask that firmware left',
    `xen_version            : 4.16.3
# lspci -vv -s 3.1
        Capabilities: [70] MSI-X: Enable- Count=8 Masked+`,
    [/0000:00:03\.1: firmware left MSI-X/, /EBUSY/],
  ],
  [
    'a line that nobody knows',
    '[00:05.0] xen_pt_realize: Error: Binding of interrupt 0 failed! (err: 16)',
    [/line 0/, /Cannot bind IRQ/],
  ],
  [
    'phantom functions of a single function',
    `42:00.0 SATA controller: Marvell
(XEN) [VT-D]DMAR:[DMA Read] Request device [0000:42:00.1] fault addr fff00000`,
    [/functions that it does not have \(0000:42:00\.1\)/, /pci-phantom=42:00,1/],
  ],
  [
    'shared reserved memory',
    "(XEN) [VT-D] It's disallowed to assign 0000:42:00.0 with shared RMRR at 7ba77000 for Dom32753.",
    [/0000:42:00\.0: Xen refuses/, /7ba77000/, /rdm_policy=relaxed/],
  ],
  [
    'an ARM Xen without PCI',
    `(XEN) physdev.c:16:d0v0 PHYSDEVOP cmd=25: not implemented
pci 0000:00:00.0: Failed to add - passthrough or MSI/MSI-X might fail!`,
    [/takes note of no PCI device/, /ENOSYS/, /4\.21/],
  ],
  [
    'a stream without an entry',
    '(XEN) smmu: /iommu@1: GFSR 0x00000002, GFSYNR0 0x00000000, GFSYNR1 0x00000123, GFSYNR2 0x00000000',
    [/no entry for StreamID 0x123/, /device tree/],
  ],
  [
    'two entries for one stream',
    '(XEN) smmu: /iommu@1: GFSR 0x00000004, GFSYNR0 0x00000006, GFSYNR1 0x00000000, GFSYNR2 0x00000000',
    [/stream match conflict/, /before 4\.16/],
  ],
  [
    'a device behind VMD',
    `10001:01:00.0 Non-Volatile memory controller: Somebody
Linux version 6.8.12`,
    [/10001:01:00\.0: a device behind VMD/, /6\.12\.31/],
  ],
  [
    'a message whose meaning is all there is to say',
    'libxl: error: libxl_pci.c:1:f: Looks like pciback driver not loaded',
    [/pciback driver not loaded/, /modprobe xen-pciback/],
  ],
];

const said = (text: string): string =>
  JSON.stringify(
    from(text).verdicts.map(({ device, what, why, cure, releases, needed }) => [
      `${device}: ${what}`,
      why,
      cure,
      releases,
      needed,
    ]),
  );

describe('a report of', () => {
  it.each(reports)('%s', (_cause, text, says) => {
    const told = said(text);
    for (const pattern of says) expect(told).toMatch(pattern);
  });

  it.each(reports)('%s, quoted in a mail', (_cause, text, says) => {
    const told = said(text.replace(/^/gm, '> '));
    for (const pattern of says) expect(told).toMatch(pattern);
  });

  it.each(reports)('%s rests on lines that stand there', (_cause, text) => {
    const present = text.split('\n');
    for (const { lines } of from(text).verdicts) {
      expect(lines.length).toBeGreaterThan(0);
      for (const { line, text: shown } of lines)
        expect(present[line - 1]).toContain(shown.trim().split(' ')[0]);
    }
  });

  it('names only rules that exist', () => {
    const codes = new Set<string>(rules.map(({ code }) => code));
    const named = reports.flatMap(([, text]) => from(text).verdicts.map(({ rule }) => rule));
    expect(named.filter((rule) => rule !== null && !codes.has(rule))).toEqual([]);
  });
});

describe('nothing is claimed', () => {
  it('of a healthy attach', () => {
    const text = `pciback 0000:42:00.0: xen_pciback: seizing device
pciback 0000:42:00.0: xen_pciback: resetting (FLR, D3, etc) the device
(XEN) PCI add device 0000:42:00.0
[00:05.0] xen_pt_realize: Real physical device 42:00.0 registered successfully`;
    expect(from(text).verdicts).toEqual([]);
    expect(from(text).unexplained).toEqual([]);
  });

  it('of a text about something else', () => {
    const evidence = readReport([{ name: 'x', text: 'Dear all,\nthe coffee machine is broken again.\n' }]);
    expect(couldJudge(evidence)).toBe(false);
    expect(diagnose(evidence).verdicts).toEqual([]);
  });

  it('of a driver that asks for another domain, or of another errno', () => {
    expect(said('nvme 0000:42:00.0: xen map irq failed -19 for 3 domain')).not.toMatch(/quarantine, where/);
    expect(said('nvme 0000:42:00.0: enable msix get err fffffffa')).not.toMatch(/second time/);
  });

  it('of functions that exist', () => {
    const text = `42:00.0 SATA controller: Marvell
42:00.1 SATA controller: Marvell
(XEN) [VT-D]DMAR:[DMA Read] Request device [0000:42:00.1] fault addr fff00000`;
    expect(said(text)).not.toMatch(/phantom/);
  });

  it('of addresses of two boots together', () => {
    const listing = (at: string): string => `42:00.0 Ethernet controller: Somebody
\tRegion 0: Memory at ${at} (32-bit, non-prefetchable) [size=4K]
`;
    expect(from(`# lspci\n${listing('90000000')}\n# lspci\n${listing('91000000')}`).notes).toHaveLength(1);
    expect(from(`# lspci\n${listing('90000000')}\n# lspci\n${listing('90000000')}`).notes).toEqual([]);
  });
});
