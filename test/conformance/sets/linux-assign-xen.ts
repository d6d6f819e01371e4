import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DomainId } from '../../../src/base/brand.js';
import { Engine } from '../../../src/models/engine.js';
import { type Dom0Sbdf, parseSbdf } from '../../../src/pci/sbdf.js';
import { defaultPolicies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import { filesOf, isCoreLine, rootsOf } from '../linux-assign/console.js';
import { dom0Machine } from '../linux-assign/dom0.js';
import { compareResources } from '../linux-assign/resource-file.js';
import { recordingText } from '../recording.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';

/**
 * Dom0s of a recorded Xen: the model scans the machine as firmware left it and assigns what has no place; messages of
 * the boot, to the last one of the assignment, and the files `resource` of the first snapshot are compared. One row per recording.
 */
export const linuxAssignXenSet: ConformanceSet = {
  name: 'linux-assign-xen',
  folder: 'xen',
  *rows(folder: string): Iterable<Row> {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const row = entry.isDirectory() ? judge(join(folder, entry.name), entry.name) : null;
      if (row !== null) yield row;
    }
  },
};

function judge(folder: string, name: string): Row | null {
  const log = recordingText(folder, 'dom0-dmesg.txt');
  const snapshot = ['snap-boot', 'snap-running'].find(
    (snap) => recordingText(folder, `${snap}/pci-resources.txt`) !== null,
  );
  const lspci = snapshot === undefined ? null : recordingText(folder, `${snapshot}/lspci-vvv-xxxx.txt`);
  if (log === null || snapshot === undefined || lspci === null) return null;
  const messages = log.split('\n').flatMap((line) => /^\[ *\d+\.\d+\] (.*)$/.exec(line.trimEnd())?.[1] ?? []);
  const roots = rootsOf(messages);
  if (roots.length === 0) return null;
  const row = new RowBuilder('linux-assign-xen', name);
  const engine = new Engine({
    platform: dom0Machine(messages, roots, dumpsOf(lspci)),
    policies: defaultPolicies,
    switches: { ...defaultSwitches, linux: '6.1.192' },
    behaviour: currentBehaviour,
  });
  const said: string[] = [];
  const data = {
    domid: 0 as DomainId,
    type: 'pv' as const,
    privileged: true,
    hardware: true,
    target: null,
    name: 'Domain-0',
  };
  engine.step({ kind: 'domain.created', by: 'xen', data });
  const events = [
    ...roots.flatMap(({ busStart }) =>
      engine.step({ kind: 'linux.scanned', by: 'd0', data: { segment: 0, bus: busStart } }),
    ),
    ...engine.step({ kind: 'linux.surveyed', by: 'd0', data: {} }),
  ];
  for (const event of events)
    if (event.kind === 'linux.logged' && isCoreLine(event.data.text)) said.push(event.data.text);
  const end = messages.findIndex((line) => AFTER_ASSIGNMENT.test(line));
  const boot = end < 0 ? messages : messages.slice(0, end);
  const expected = boot.filter(isCoreLine);
  for (let i = 0; i < Math.max(expected.length, said.length); i++)
    row.compare(`message ${i}`, expected[i - 1] ?? '', expected[i] ?? null, said[i] ?? null);
  const later = messages.slice(boot.length).filter(isCoreLine).length;
  if (later > 0) row.unmodelled('messages of a hot-plug or rescan after the boot', later);
  for (const [device, { lines }] of Object.entries(
    filesOf((recordingText(folder, `${snapshot}/pci-resources.txt`) ?? '').split('\n')),
  )) {
    if (engine.state.linux.devices[parseSbdf<Dom0Sbdf>(device)!] === undefined) {
      row.unmodelled('a device that came after the boot');
      continue;
    }
    const path = `/sys/bus/pci/devices/${device}/resource`;
    const read = engine.step({
      kind: 'sysfs.requested',
      by: 'd0',
      data: { verb: 'read', path, value: null },
    });
    const text = read.findLast((event) => event.kind === 'sysfs.accessed')?.data.result ?? '';
    compareResources(row, `${snapshot}/pci-resources.txt`, device, lines, text);
  }
  return row.row();
}

/** What Linux prints right after it has assigned resources: `pci_apply_final_quirks` comes one initcall level later. */
const AFTER_ASSIGNMENT = /^PCI: CLS \d+ bytes/;

/** Configuration space by device, out of `lspci -D -xxxx`. */
function dumpsOf(text: string): Record<string, string> {
  const dumps: Record<string, string> = {};
  let at = '';
  for (const line of text.split('\n')) {
    const head = /^([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) /.exec(line);
    if (head !== null) {
      at = head[1]!;
      dumps[at] = '';
    }
    const bytes = /^[0-9a-f]{2,3}: ((?:[0-9a-f]{2} ?){16})$/.exec(line.trimEnd());
    if (bytes !== null && dumps[at] !== undefined) dumps[at] += bytes[1]!.replaceAll(' ', '');
  }
  return dumps;
}
