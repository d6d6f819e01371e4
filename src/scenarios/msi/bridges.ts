import type { InputDraft } from '../../events/catalogue.js';
import type { MachineView } from '../../machine/program.js';
import { bindAndScan, bootXen } from '../segments/boot.js';
import { nwlBlock, zynqMp } from './machines.js';
import { serviced, written } from './parts.js';
import { scenario } from './story.js';

const thread2017 = 'xen-devel 2017, ARM PCI passthrough with MSI on ZynqMP';
type StepName = Extract<InputDraft, { kind: 'bridge.stepped' }>['data']['step'];

function step(machine: MachineView, name: StepName, by: 'firmware' | 'dom0' | 'xen'): InputDraft {
  const { cfgBase } = machine.env.platform.bridges[0]!;
  return { kind: 'bridge.stepped', by: 'hw', data: { by, cfgBase, step: name, result: 'done' } };
}

/** A bridge that needs software before it answers, and who that software belongs to. */
export const bridgeScenarios = [
  scenario({
    name: 'bridge-touched-early',
    title: 'Xen reads through a bridge that is not up yet',
    source: `${thread2017}; facts/arm-msi-iommu 5.1`,
    shows:
      "Dom0 owns the bridge and announces a device before its driver has enabled the configuration window: Xen's reads hit nothing.",
    expects: ['CFG-002'],
    policies: { 'bridge-init': 'dom0' },
    platform: zynqMp,
    *story(machine) {
      yield* bootXen(machine);
      yield step(machine, 'clocks', 'firmware');
      yield step(machine, 'gt', 'firmware');
      yield* bindAndScan(machine, machine.env.platform.bridges[0]!);
      for (const name of ['breg', 'link', 'ecam', 'msi'] as const) yield step(machine, name, 'dom0');
      yield written(machine.env.platform.functions[0]!.function, nwlBlock.doorbell, 1);
      yield serviced(nwlBlock);
    },
  }),
  scenario({
    name: 'gt-assigned-late',
    title: 'Transceivers are assigned after the driver has waited for the link',
    source: `${thread2017}; facts/arm-msi-iommu 5.1`,
    shows:
      'Xen owns the bridge and waits ten times for a PHY without lanes: -ETIMEDOUT. Once the firmware has assigned them the second attempt comes up, and the scan finds both cards.',
    expects: [],
    policies: { 'bridge-init': 'xen' },
    platform: zynqMp,
    *story(machine) {
      yield* bootXen(machine);
      yield step(machine, 'clocks', 'firmware');
      yield step(machine, 'breg', 'xen');
      yield step(machine, 'link', 'xen');
      yield step(machine, 'gt', 'firmware');
      for (const name of ['link', 'ecam', 'msi'] as const) yield step(machine, name, 'xen');
      yield* bindAndScan(machine, machine.env.platform.bridges[0]!);
    },
  }),
];
