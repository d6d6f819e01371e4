import { findHostBridge } from '../../../src/models/xen/arm-bridges.js';
import { bdf, busOf, formatSbdf, sbdf, segmentOf, type XenSbdf } from '../../../src/pci/sbdf.js';
import { ArmMachine, type ArmRun, armRuns, groupsOf } from '../arm/machine.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';

const declared = {
  registers: 'which registers Xen reads of a function, and in which order, follows its own set-up',
} as const;

/** Xen's own configuration accesses on ARM: the host bridge it takes each name for, and the names it finds none for. */
export const armConfigSet: ConformanceSet = {
  name: 'arm-config',
  folder: 'xen',
  *rows(folder) {
    for (const run of armRuns(folder)) if (run.records.length > 0) yield judge(run);
  },
};

function judge(run: ArmRun): Row {
  const row = new RowBuilder('arm-config', `${run.name}/arm-tap.jsonl`);
  const machine = new ArmMachine(run);
  for (const { call, inside } of groupsOf(run.records)) {
    machine.enter(call);
    for (const record of inside) {
      if (record.fn === 'xen_config_access') {
        const { node, segment, cfgBase, buses } = record.bridge;
        row.compare(
          `seq ${record.seq}`,
          `${formatSbdf(record.sbdf)} register ${record.reg}`,
          { node, segment, cfgBase, buses },
          found(machine, record.sbdf),
        );
        row.unmodelled(declared.registers);
      } else if (record.fn === 'find_host_bridge') {
        const name = sbdf<XenSbdf>(record.segment, bdf(record.bus, 0, 0));
        row.compare(`seq ${record.seq}`, formatSbdf(name), null, found(machine, name));
      }
    }
  }
  return row.row();
}

function found({ engine, platform }: ArmMachine, name: XenSbdf) {
  const index = findHostBridge(engine.state, engine.env, segmentOf(name), busOf(name));
  const bridge = index === null ? undefined : platform.bridges[index];
  if (bridge === undefined) return null;
  const { node, cfgBase, busStart, busEnd } = bridge;
  return { node, segment: segmentOf(name), cfgBase, buses: [busStart, busEnd] };
}
