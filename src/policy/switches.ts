import { invariant } from '../base/assert.js';
import {
  isLinuxRelease,
  type LinuxRelease,
  newestOf,
  qemuReleases,
  xenMaster,
  xenMinors,
  xenReleases,
} from './releases.js';

/** Releases whose behaviour differs, and what else an installation has; a trace stores the value of each. `--switch name=value`. */
export interface Switch {
  readonly doc: string;
  readonly values: readonly string[];
  /** Takes other values too, shown as this. */
  readonly also?: Also;
  readonly default: string;
}

/** Values that are not listed one by one. */
export interface Also<T extends string = string> {
  /** As a reader sees them: `6.x.y`. */
  readonly shown: string;
  /** What stands for the letters in it. */
  readonly letters: string;
  accepts(value: string): value is T;
}

const anyLinux: Also<LinuxRelease> = {
  shown: '6.x.y',
  letters: 'x and y are numbers of a modelled branch',
  accepts: isLinuxRelease,
};

export const switchTable = {
  xen: {
    doc: 'Xen release the model follows; a minor is the newest point release of its branch, 4.23 the master branch of August 2026.',
    values: [...xenMinors, ...xenReleases],
    default: xenMaster,
  },
  linux: {
    doc: 'Linux release of Dom0; 6.1.136 brought the IDA numbering to the 6.1 series (drivers/pci/pci.c, of_pci_bus_find_domain_nr).',
    also: anyLinux,
    values: ['6.1.135', '6.1.136', '6.1.192', '6.12.30', '6.12.31', '6.12.117'],
    default: '6.12.117',
  },
  qemu: {
    doc: 'QEMU release of the device model and of emulated machines.',
    values: qemuReleases,
    default: '7.2',
  },
  'qemu-machine': {
    doc: 'Version of the machine type (`-M pc-q35-7.2`), which keeps some ways of an older QEMU; `newest` is the type of the release itself.',
    values: ['newest', ...qemuReleases],
    default: 'newest',
  },
  'arm-pci': {
    doc: 'Whether an ARM Xen is built with PCI (CONFIG_PCI_PASSTHROUGH); absent: every physdev_op is -ENOSYS (facts/xen 2.2).',
    values: ['built', 'absent'],
    default: 'built',
  },
  'arm-vpci': {
    doc: 'Whether Xen on ARM uses the vPCI code it carries; upstream it never does (facts/xen 5.1).',
    values: ['off', 'on'],
    default: 'off',
  },
  'max-lpi-bits': {
    doc: "Xen's boot option: host LPIs are 2^bits - 8192 (facts/arm-msi-iommu 3.5).",
    values: ['14', '16', '20', '24'],
    default: '20',
  },
  'event-queue': {
    doc: 'log2 of the records in the event queue of an SMMUv3 (SMMU_IDR1.EVENTQS).',
    values: ['2', '4', '7', '10', '19'],
    default: '19',
  },
  'nwl-hi-handler': {
    doc: "Linux' handler of NWL events 32 to 63: `as-built` dispatches the bit without adding 32 (facts/arm-msi-iommu 5.1).",
    values: ['as-built', 'fixed'],
    default: 'as-built',
  },
  'config-no-bridge': {
    doc: 'What Xen on ARM returns for a config read no bridge answers: `as-built` 0, `as-intended` all ones (facts/xen 3.2).',
    values: ['as-built', 'as-intended'],
    default: 'as-built',
  },
} as const satisfies Record<string, Switch>;

export type SwitchName = keyof typeof switchTable;
/** What a switch can be. */
export type SwitchValue<S extends SwitchName> = ValueOf<(typeof switchTable)[S]>;
export type Switches = { readonly [S in SwitchName]: SwitchValue<S> };

/** The listed values of an entry and those its pattern takes. */
export type ValueOf<Entry extends { readonly values: readonly string[] }> =
  | Entry['values'][number]
  | (Entry extends { readonly also: Also<infer T> } ? T : never);

export const isSwitchName = (name: string): name is SwitchName => Object.hasOwn(switchTable, name);

/** Whether `value` is one a switch can have. */
export function isSwitchValue(name: SwitchName, value: string): boolean {
  const { values, also }: Switch = switchTable[name];
  return values.includes(value) || (also?.accepts(value) ?? false);
}

/** The values as a reader sees them. */
export const shownValues = ({ values, also }: Pick<Switch, 'values' | 'also'>): readonly string[] =>
  also === undefined ? values : [...values, also.shown];

/** Whether every switch has a value it can have, and there is nothing else. */
export function isSwitches(choices: Readonly<Record<string, string>>): choices is Switches {
  return (
    Object.keys(choices).every(isSwitchName) &&
    Object.keys(switchTable).every((name) => isSwitchName(name) && isSwitchValue(name, choices[name] ?? ''))
  );
}

export const defaultSwitches: Switches = complete();

function complete(): Switches {
  const chosen = Object.fromEntries(
    Object.entries(switchTable).map(([name, entry]) => [name, entry.default]),
  );
  invariant(isSwitches(chosen), 'the default of a switch is not one of its values');
  return chosen;
}

/** With point releases in place of minors, as a trace stores them: what the newest of a branch is changes with time. */
export const pinned = (switches: Switches): Switches => ({ ...switches, xen: newestOf(switches.xen) });
