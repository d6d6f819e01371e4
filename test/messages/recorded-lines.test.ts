import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cleanLine } from '../../src/importers/paste/clean.js';
import { spoken } from '../../src/importers/paste/prefix.js';
import { messageIndex } from '../../src/messages/catalogue.js';

const folder = resolve(import.meta.dirname, '../../../shared/data/xen');
if (!existsSync(folder)) console.log('skipped: no recordings beside the repository');

const LOGS = /dom0-dmesg|hypervisor\.log|xl-dmesg|xl-.*\.log|guest-.*\.log|xen-console/;
/** What makes a line one about PCI: the word, a device's name, or one of the things that go with it. */
const ABOUT_PCI =
  /\bpci\w*\b|[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|VT-?d|IOMMU|DMAR|MSI|pirq|gsi|BAR\b|pciback|xen_pt/i;

function lines(): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && LOGS.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .flatMap((file) =>
      (file.endsWith('.xz')
        ? execFileSync('xz', ['-dc', file], { maxBuffer: 1 << 28 }).toString('utf8')
        : readFileSync(file, 'utf8')
      ).split('\n'),
    )
    .map((line) => spoken(cleanLine(line)).text.trim())
    .filter((text) => ABOUT_PCI.test(text));
}

describe.skipIf(!existsSync(folder))('logs of real machines', () => {
  it('have nine in ten of their lines about PCI in the catalogue', () => {
    const all = lines();
    const index = messageIndex();
    const known = all.filter((line) => index.find(line) !== null).length;
    console.log(`${known} of ${all.length} lines about PCI are known`);
    expect(known / all.length).toBeGreaterThan(0.9);
  });
});
