import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose/diagnose.js';
import { readReport } from '../../src/diagnose/read.js';

const folder = resolve(import.meta.dirname, '../../../shared/data/reports');
if (!existsSync(folder)) console.log('skipped: no recorded reports beside the repository');

/** What a maintainer who knows the answer would say of each public report. */
const right: readonly [report: string, says: readonly RegExp[]][] = [
  [
    '01-sn570-flr',
    [
      /does not come back/,
      /0000:00:1d\.0 took its link down.*ACSViol/,
      /MASKALL/,
      /never prepared.*ENXIO.*ENODATA/,
      /0xf3078.*0000:00:17\.0 BAR 1.*0000:05:00\.0 BAR 4.*EPERM/,
      /different boots/,
    ],
  ],
  ['02-igd-rebind', [/DOMID_SELF/, /quarantine/, /sysfs, which tells Xen nothing/, /pci-assignable-remove/]],
  ['04-nvme-pv-msix', [/-114/, /5\.17/, /no pirqs left/, /extra_guest_irqs/]],
  ['06-rmrr-phantom', [/functions that it does not have/, /pci-phantom=04:00,4/]],
  ['08-ls1028a', [/0x42a/, /no PCI on ARM/, /iommu-map/]],
  ['10-juno-streams', [/stream match conflict/, /share/, /4\.16/]],
  ['11-mmc-second-create', [/0x871/, /platform device, not PCI/]],
  ['14-vmd', [/10000:e1:00\.0/, /16 bits/, /6\.12\.31/, /6\.15/]],
  ['15-amdgpu-msi', [/delivery mode 7 \(ExtINT\)/, /drops/]],
  ['17-pcifront-irq0', [/0000:00:14\.0/, /line 0/, /not known/, /irq/]],
  ['18-maskall', [/0000:00:14\.3/, /MASKALL/, /EBUSY/, /4\.18/, /4\.17\.2/]],
  ['19-dom0-nomsi', [/pci=nomsi/, /0000:65:00\.0/]],
];

describe.skipIf(!existsSync(folder))('the public report', () => {
  it.each(right)('%s comes to what is right', (report, says) => {
    const files = readdirSync(join(folder, report))
      .sort()
      .map((name) => ({ name, text: readFileSync(join(folder, report, name), 'utf8') }));
    const { verdicts, needed, notes } = diagnose(readReport(files));
    const told = JSON.stringify([verdicts.map(({ lines, ...verdict }) => verdict), needed, notes]);
    for (const pattern of says) expect(told).toMatch(pattern);
  });
});
