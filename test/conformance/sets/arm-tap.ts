import type { DomainId } from '../../../src/base/brand.js';
import { ArmMachine, type ArmRun, armRuns, type CallGroup, groupsOf } from '../arm/machine.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';

const declared = {
  arguments: 'the tap did not follow the arguments of this call',
} as const;

/**
 * Hypercalls of a running ARM Xen about PCI devices: the result of each, of the functions it goes through, and the
 * domain the SMMU driver was handed the device for; and whether Xen came up at all.
 */
export const armTapSet: ConformanceSet = {
  name: 'arm-tap',
  folder: 'xen',
  *rows(folder) {
    for (const run of armRuns(folder)) yield judge(run);
  },
};

function judge(run: ArmRun): Row {
  const row = new RowBuilder(
    'arm-tap',
    `${run.name}/${run.records.length > 0 ? 'arm-tap.jsonl' : 'xen-console.log'}`,
  );
  const machine = new ArmMachine(run);
  const isDown = /Inconsistent "linux,pci-domain" property in DT/.exec(run.console)?.[0] ?? null;
  row.compare('boot', 'Xen probes the bridges of its tree', isDown, machine.panicked);
  for (const group of groupsOf(run.records)) judgeCall(row, machine, group);
  return row.row();
}

function judgeCall(row: RowBuilder, machine: ArmMachine, { call, inside }: CallGroup): void {
  const at = `seq ${call.seq}`;
  const input = `${call.fn} ${call.op} ${call.domain === null ? '' : `d${call.domain} `}${JSON.stringify(call.args)}`;
  const events = machine.enter(call);
  const returned = events.findLast((event) => event.kind === 'hypercall.returned');
  const ret = returned === undefined ? null : returned.data.ret;
  if (call.args === null && call.op === 'pci_device_reset' && call.ret !== -38 && call.ret !== -95)
    row.unmodelled(declared.arguments);
  else row.compare(at, input, call.ret, ret);
  const refused = events.find((event) => event.kind === 'device.failed' && event.data.step === 'iommu');
  const stepped = refused?.kind === 'device.failed' ? refused.data.errno : 0;
  // What changes hands: every owner the model names, in order; a driver that is asked again changes nothing.
  const owners: (DomainId | null)[] = events.flatMap((event) =>
    event.kind === 'device.registered' || event.kind === 'device.assigned'
      ? [event.kind === 'device.registered' ? event.data.owner : event.data.to]
      : [],
  );
  for (const record of inside) {
    const place = `seq ${record.seq}`;
    switch (record.fn) {
      case 'pci_add_device':
      case 'pci_remove_device':
        row.compare(place, `${record.fn} of ${input}`, record.ret, ret);
        break;
      case 'smmu_add_device':
        row.compare(place, `${record.fn} of ${input}`, record.ret, stepped);
        break;
      case 'smmu_assign_dev': {
        if (owners.length === 0) owners.push(...destroyed(machine));
        row.compare(
          place,
          `${record.fn} after ${input}`,
          { domain: record.domain, ret: record.ret },
          {
            domain: owners.shift() ?? null,
            ret: 0,
          },
        );
        break;
      }
      default:
        break;
    }
  }
}

/** The driver was asked although no call is under way: a guest with devices has ended. @returns the new owners */
function destroyed(machine: ArmMachine): (DomainId | null)[] {
  const { devices } = machine.engine.state.xen;
  const guest = Object.values(devices).find(
    ({ owner }) => owner !== null && owner > 0 && owner < 0x7ff0,
  )?.owner;
  if (guest === undefined || guest === null) return [];
  return machine
    .step({ kind: 'domain.destroyed', by: 'toolstack', data: { domid: guest } })
    .flatMap((event) => (event.kind === 'device.assigned' ? [event.data.to] : []));
}
