import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from './imports.js';

/** Exports that nothing reaches yet. The list may get shorter and never longer. */
const known: readonly string[] = [
  'src/base/dictionary.ts entriesOf',
  'src/events/abi/dm-op.ts DmOp',
  'src/events/abi/domctl.ts DomctlOp',
  'src/events/abi/event-channel.ts EventChannelOp',
  'src/events/abi/physdev.ts PhysdevOp',
  'src/events/catalogue.ts OutcomeEvent',
  'src/importers/arm-tap/read.ts readArmTap',
  'src/importers/arm-tap/read.ts readSte',
  'src/importers/dtb/fdt/property.ts cellsOf',
  'src/models/linux/pciif/page.ts PciCommand',
  'src/models/linux/tree/device.ts findDevice',
  'src/models/qemu/devices/added-types.ts addedTypes',
  'src/models/qemu/function/aer.ts namedError',
  'src/models/qemu/plugging/hotplug.ts refusesBoolean',
  'src/models/xen/ioapic.ts isRedirectionEntry',
  'src/policy/releases.ts QemuRelease',
  'src/scenarios/designs/firmware.ts onBus',
];

interface Issue {
  readonly file: string;
  readonly files?: readonly unknown[];
  readonly exports?: readonly { readonly name: string }[];
  readonly types?: readonly { readonly name: string }[];
}

/** What knip.json's entries, tests among them, do not reach: whole files and exports. */
function dead(): string[] {
  const knip = join(root, 'node_modules/knip/bin/knip.js');
  const wanted = [
    '--include',
    'files,exports,types',
    '--reporter',
    'json',
    '--no-exit-code',
    '--no-progress',
  ];
  const { stdout, stderr } = spawnSync(process.execPath, [knip, ...wanted], { cwd: root, encoding: 'utf8' });
  if (!stdout.startsWith('{')) throw new Error(`knip says: ${stdout}${stderr}`);
  const { issues } = JSON.parse(stdout) as { readonly issues: readonly Issue[] };
  return issues
    .flatMap(({ file, files = [], exports = [], types = [] }) => [
      ...files.map(() => `${file} is reached by nothing`),
      ...[...exports, ...types].map(({ name }) => `${file} ${name}`),
    ])
    .sort();
}

it('has no file and no export that nothing reaches, but for those that are known', {
  timeout: 300_000,
}, () => {
  const found = dead();
  expect(found.filter((one) => !known.includes(one))).toEqual([]);
  // It does look: whoever removes the last of them plants one here.
  expect(found.length).toBeGreaterThan(0);
});
