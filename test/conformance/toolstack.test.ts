import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { change, Doctor, drop, type Edit, insert, repeat, swap } from './doctored.js';
import type { Row } from './row.js';
import { linuxAssignSet } from './sets/linux-assign.js';
import { linuxAssignXenSet } from './sets/linux-assign-xen.js';
import { toolstackSet } from './sets/toolstack.js';

const RUNS = ['s1-hvm2', 's1-pv1', 's1-w1'];
const packed = new Doctor(fileURLToPath(new URL('../fixtures/xen-life', import.meta.url)));
let doctor: Doctor;
beforeAll(() => {
  doctor = packed.unpack(RUNS);
});
afterAll(() => {
  doctor.discharge();
  packed.discharge();
});

const wrong = (rows: readonly Row[]): string[] =>
  rows.flatMap(({ file, mismatched }) => (mismatched === 0 ? [] : [file]));

/** What is wrong with the recording, in which file, and which row has to say what about it. */
type Case = readonly [why: string, run: string, file: string, edit: Edit, row: string, says: string];

const LOG = 'xenstored.trace';
const CHANGES = 'xenstored.trace: PCI changes';
const changes: readonly Case[] = [
  [
    'two writes of libxl changed places',
    's1-hvm2',
    LOG,
    swap(/WRITE .*\/key-0 /, /WRITE .*\/dev-0 /),
    CHANGES,
    'key-0',
  ],
  [
    'two writes of pciback changed places',
    's1-hvm2',
    LOG,
    swap(/WRITE \(backend.*\/root-0 /, /WRITE \(backend.*\/root_num /),
    CHANGES,
    'root-0',
  ],
  ['libxl left a write out', 's1-hvm2', LOG, drop(/WRITE .*\/key-1 /), CHANGES, 'key-1'],
  ['pciback left a write out', 's1-hvm2', LOG, drop(/WRITE \(backend.*\/vdev-1 /), CHANGES, 'vdev-1'],
  ['pcifront left a write out', 's1-pv1', LOG, drop(/WRITE \(device\/pci\/0\/magic/), CHANGES, 'magic'],
  ['a write was made twice', 's1-hvm2', LOG, repeat(/WRITE .*\/num_devs 2/), CHANGES, 'num_devs'],
  [
    'libxl wrote another value',
    's1-hvm2',
    LOG,
    change(/WRITE .*pci\/1\/0\/frontend-id /, ' 1)', ' 2)'),
    CHANGES,
    'frontend-id',
  ],
  [
    'pciback wrote another value',
    's1-pv1',
    LOG,
    change(/WRITE \(backend.*\/vdev-0 /, '00.00', '01.00'),
    CHANGES,
    'vdev-0',
  ],
  [
    'pcifront wrote another value',
    's1-pv1',
    LOG,
    change(/WRITE \(device\/pci\/0\/magic/, ' 7', ' 8'),
    CHANGES,
    'magic',
  ],
  [
    'a key went to another place',
    's1-hvm2',
    LOG,
    change(/RM .*\/dev-1 /, 'dev-1', 'dev-2'),
    CHANGES,
    'dev-1',
  ],
  [
    'a directory got other permissions',
    's1-hvm2',
    LOG,
    change(/SET_PERMS .*\/device\/pci\/0 /, 'n1 r0', 'n1 b0'),
    CHANGES,
    'n1',
  ],
  [
    'a claim was not given back',
    's1-hvm2',
    LOG,
    drop(/RM \(\/libxl\/pci\/0000-04-00-0\/domid/),
    CHANGES,
    '0000-04-00-0/domid',
  ],
  [
    'two devices of a guest left in another order',
    's1-hvm2',
    LOG,
    swap(/RM \(\/libxl\/pci\/0000-04-00-0\/domid/, /RM \(\/libxl\/pci\/0000-07-01-0\/domid/),
    CHANGES,
    '0000-07-01-0/domid',
  ],
  [
    'a device has options its configuration does not give it',
    's1-hvm2',
    LOG,
    change(/WRITE .*\/opts-1 /, 'permissive=1', 'permissive=0'),
    CHANGES,
    'opts-1',
  ],
  [
    'pcifront never connected',
    's1-pv1',
    LOG,
    drop(/WRITE \(device\/pci\/0\/state 4/),
    CHANGES,
    'device/pci/0/state 4',
  ],
  [
    'the only claim of a guest was not given back',
    's1-pv1',
    LOG,
    drop(/RM \(\/libxl\/pci\/0000-01-00-0\/domid/),
    CHANGES,
    '0000-01-00-0/domid',
  ],
];

const TAP = 'tap.jsonl';
const CALLS = 'tap.jsonl: passthrough calls';
const RESETS = 'tap.jsonl: resets';
const fields = '"fn"';
const calls: readonly Case[] = [
  ['a domctl is missing', 's1-hvm2', TAP, drop(/"assign_device","domain":1,/), CALLS, 'assign_device'],
  ['a domctl was made twice', 's1-pv1', TAP, repeat(/"irq_permission"/), CALLS, 'irq_permission'],
  [
    'two domctls changed places',
    's1-hvm2',
    TAP,
    swap(/"iomem_permission"/, /"ioport_permission"/, fields),
    CALLS,
    'ioport_permission',
  ],
  [
    'a domctl failed',
    's1-hvm2',
    TAP,
    change(/"test_assign_device"/, '"ret":0', '"ret":-16'),
    CALLS,
    '"ret":-16',
  ],
  [
    'a domctl had another frame',
    's1-pv1',
    TAP,
    change(/"iomem_permission"/, '1039872', '1039873'),
    CALLS,
    '1039873',
  ],
  [
    'a physdev operation named another device',
    's1-w1',
    TAP,
    change(/"release_msix"/, '"raw":"000001', '"raw":"000002'),
    CALLS,
    '"bus":2',
  ],
  ['a physdev operation is missing', 's1-w1', TAP, drop(/"prepare_msix"/), CALLS, 'prepare_msix'],
  [
    'a write of a reset is missing',
    's1-w1',
    TAP,
    drop(/0000:01:00.0","reg":136,"size":2,"data":32768/, 1),
    RESETS,
    '88:2 8000',
  ],
  [
    'a write of a reset had another value',
    's1-w1',
    TAP,
    change(/0000:00:04.0","reg":62,"size":2,"data":66/, '66', '64'),
    RESETS,
    '3e:2 40',
  ],
  [
    'two writes of a reset changed places',
    's1-w1',
    TAP,
    swap(/"t":179.*"reg":48,/, /"t":179.*"reg":20,/, fields),
    RESETS,
    '30:4',
  ],
  ['a reset wrote too much', 's1-w1', TAP, repeat(/0000:07:01.0","reg":60,"size":4/), RESETS, '3c:4'],
];

const TREE = 'snap-end/xenstore-ls-fp.txt';
const SYSFS = 'snap-end/pciback-sysfs.txt';
const LIST = 'snap-end/xl-pci-assignable-list.txt';
const snapshots: readonly Case[] = [
  [
    'a node of the final tree is missing',
    's1-pv1',
    TREE,
    drop(/backend\/pci\/1\/0\/online = /),
    TREE,
    'online',
  ],
  [
    'a node of the final tree has another value',
    's1-pv1',
    TREE,
    change(/backend\/pci\/1\/0\/state = /, '"', '"1'),
    TREE,
    '/state',
  ],
  [
    'a node of the final tree has another owner',
    's1-pv1',
    TREE,
    change(/backend\/pci\/1\/0\/dev-0 = /, '(n0', '(n1'),
    TREE,
    'dev-0',
  ],
  [
    'a node too many stands in the final tree',
    's1-hvm2',
    TREE,
    repeat(/libxl\/pci = /, (line) => line.replace('pci =', 'pci/0000-04-00-0/domid =')),
    TREE,
    '0000-04-00-0/domid',
  ],
  [
    'pciback holds another device',
    's1-hvm2',
    SYSFS,
    change(/^0000:07:01.0$/, '07:01', '07:02'),
    SYSFS,
    '0000:07:02.0',
  ],
  [
    'pciback holds its devices in another order',
    's1-hvm2',
    SYSFS,
    swap(/^0000:04:00.0$/, /^0000:07:01.0$/),
    SYSFS,
    '0000:07:01.0',
  ],
  ['a field of pciback is missing', 's1-hvm2', SYSFS, drop(/000000c8:2/), SYSFS, '000000c8'],
  ['a permissive device is not listed', 's1-hvm2', SYSFS, drop(/^0000:07:01.0$/, 1), SYSFS, 'permissive'],
  ['a file of pciback is missing', 's1-w1', SYSFS, drop(/^== .*\/permissive/), SYSFS, 'permissive'],
  ['a device is not assignable', 's1-hvm2', LIST, drop(/^0000:04:00.0/), SYSFS, 'xl-pci-assignable-list'],
];

const MESSAGES = 'messages of xl';
const JOB = 'job.log';
const messages: readonly Case[] = [
  [
    'two messages changed places',
    's1-hvm2',
    JOB,
    swap(/DM to remove pci-pt-04/, /DM to remove pci-pt-07/),
    MESSAGES,
    'pci-pt-07_01.0',
  ],
  [
    'a message tells another error',
    's1-w1',
    JOB,
    change(/Couldn't lstat/, 'No such file or directory', 'Permission denied'),
    MESSAGES,
    'Permission denied',
  ],
  [
    'a message is of another level',
    's1-w1',
    JOB,
    change(/already assigned/, 'warning', 'error'),
    MESSAGES,
    'error: 0000:01:00.0 already',
  ],
  [
    'a message names another device',
    's1-pv1',
    'log-xen/xl-pv1.log',
    change(/not ready/, /pci\/1\/0 not/, 'pci/2/0 not'),
    MESSAGES,
    'pci/2/0',
  ],
  [
    'a message was printed that libxl does not have',
    's1-pv1',
    JOB,
    insert(
      /@@ 61.09/,
      'libxl: error: libxl_pci.c:1677:libxl__device_pci_add: Domain 1:PCI device 0:1:0.0 is not assignable',
    ),
    MESSAGES,
    'is not assignable',
  ],
  ['a message is missing in the job log', 's1-w1', JOB, drop(/Couldn't lstat/), MESSAGES, "Couldn't lstat"],
  [
    'a message is missing in the file of its command',
    's1-w1',
    't04-xl-remove-nvme.log',
    drop(/not rebinding/),
    MESSAGES,
    'not rebinding',
  ],
  [
    'the end of a wait is not said',
    's1-hvm2',
    JOB,
    drop(/DM to remove pci-pt-04/),
    MESSAGES,
    'pci-pt-04_00.0',
  ],
  [
    'a message is of another domain',
    's1-hvm2',
    JOB,
    change(/DM to remove pci-pt-04/, 'Domain 1', 'Domain 2'),
    MESSAGES,
    'pci-pt-04_00.0',
  ],
  ['a message was printed twice', 's1-pv1', 'log-xen/xl-pv1.log', repeat(/not ready/), MESSAGES, 'not ready'],
  [
    'nobody typed the command that failed',
    's1-w1',
    JOB,
    drop(/@@ 156.86 assignable-add/),
    MESSAGES,
    "Couldn't lstat",
  ],
];

const RESULTS = 'job.log: results of commands';
const results: readonly Case[] = [
  [
    'a command that failed is said to have succeeded',
    's1-w1',
    JOB,
    change(/^rc=1$/, '1', '0'),
    RESULTS,
    '0b:00.0',
  ],
  [
    'a command that succeeded is said to have failed',
    's1-w1',
    JOB,
    change(/^rc=0$/, '0', '1', -1),
    RESULTS,
    'assignable-remove',
  ],
];

describe('the toolstack set', () => {
  it.each(RUNS)('finds nothing mismatched in %s', async (run) => {
    const rows = await packed.rows(toolstackSet, run);
    expect(rows.map(({ file, firstMismatch }) => [file, firstMismatch])).toEqual(
      rows.map(({ file }) => [file, null]),
    );
    expect(rows.length).toBeGreaterThan(4);
  });

  it.each([...changes, ...calls, ...snapshots, ...messages, ...results])(
    'notices that %s (%s)',
    async (_why, run, file, edit, row, says) => {
      const rows = await doctor.rows(toolstackSet, run, file, edit);
      const own = rows.find((one) => one.file === `${run}/${row}` || one.file === `${run}: ${row}`);
      expect(wrong(rows)).toContain(own?.file);
      const { at, input, expected, actual } = own!.firstMismatch!;
      expect([at, input, expected, actual].join('\n')).toContain(says);
    },
  );
});

const DMESG = 'dom0-dmesg.txt';
const RESOURCES = 'snap-boot/pci-resources.txt';
const boots: readonly (readonly [why: string, file: string, edit: Edit, says: string])[] = [
  ['a BAR stands elsewhere', RESOURCES, change(/0x00000000fd600000/, /fd6/g, 'fe6'), '00000000fe600000'],
  ['a resource of a device is missing', RESOURCES, drop(/0x00000000fd600000/), '00000000fd600000'],
  [
    'a message of the scan is missing',
    DMESG,
    drop(/pci_bus 0000:05: resource 1/),
    'pci_bus 0000:05: resource 1',
  ],
  [
    'two messages of the scan changed places',
    DMESG,
    swap(/pci 0000:07:01.0: BAR 0 /, /pci 0000:07:01.0: BAR 1 /, 'pci '),
    'BAR 1',
  ],
  [
    'the kernel assigned once more than the model',
    DMESG,
    insert(
      /pci_bus 0000:07: resource/,
      '[   15.400000] pci 0000:05:00.0: BAR 0 [mem 0xfd600000-0xfd603fff 64bit]: assigned',
    ),
    '0000:05:00.0: BAR 0',
  ],
];

describe('the linux-assign-xen set', () => {
  it.each(RUNS)('finds nothing mismatched in %s', async (run) => {
    const [row] = await packed.rows(linuxAssignXenSet, run);
    expect(row).toMatchObject({ mismatched: 0, firstMismatch: null });
    expect(row!.matched).toBeGreaterThan(390);
  });

  it.each(boots)('notices that %s', async (_why, file, edit, says) => {
    const [row] = await doctor.rows(linuxAssignXenSet, 's1-w1', file, edit);
    expect(row!.mismatched).toBeGreaterThan(0);
    expect(Object.values(row!.firstMismatch!).join('\n')).toContain(says);
  });
});

const shared = fileURLToPath(new URL('../../../shared/data/qemu', import.meta.url));
const CONSOLE = 'guest-console.txt';
const booted: readonly (readonly [why: string, file: string, edit: Edit, row: string, says: string])[] = [
  [
    'a BAR stands elsewhere in its file',
    CONSOLE,
    change(/^\s*0x00000000fe444000 /, 'fe444000', 'fe544000', -1),
    'resource files',
    '00000000fe544000',
  ],
  [
    'a BAR stands elsewhere in the dump',
    'config-dumps.json',
    (text) => text.replace('007044fe', '007054fe'),
    'registers',
    '0xfe547000',
  ],
  [
    'a message is missing',
    CONSOLE,
    drop(/pci_bus 0000:02: resource 1/, -1),
    'messages',
    'pci_bus 0000:02: resource 1',
  ],
  [
    'a message tells another address',
    CONSOLE,
    change(/pci 0000:00:08.0: BAR 1/, 'f000', 'f400', -1),
    'messages',
    'f400',
  ],
  [
    'a write to a header is missing',
    'trace.log',
    drop(/pci_cfg_write .* 00:04.0 @0x1c <-/, -1),
    'writes',
    '00:04.0 @1c',
  ],
  [
    'a write to a header had another value',
    'trace.log',
    change(/pci_cfg_write .* 00:08.0 @0x14 <- 0xffffffff/, 'ffffffff', 'fffffffe', -1),
    'writes',
    '00:08.0 @14 <- fffffffe',
  ],
  [
    'a header was written after the boot',
    'trace.log',
    (text) => `${text.trimEnd()}\npci_cfg_write rtl8139 00:08.0 @0x14 <- 0xf001\n`,
    'writes',
    '00:08.0 @14 <- f001',
  ],
];

describe.runIf(existsSync(shared))('the linux-assign set', () => {
  const boots = new Doctor(shared);
  afterAll(() => boots.discharge());

  it.each(booted)('notices that %s', async (_why, file, edit, row, says) => {
    const rows = await boots.rows(linuxAssignSet, 's1-pc-i440fx', file, edit);
    const own = rows.find((one) => one.file === `s1-pc-i440fx: ${row}`);
    expect(wrong(rows)).toContain(own?.file);
    expect(Object.values(own!.firstMismatch!).join('\n')).toContain(says);
  });
});
