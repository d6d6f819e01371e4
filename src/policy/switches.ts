/** Releases whose behaviour differs; a trace stores the value of each. `--switch name=value`. */
export interface Switch {
  readonly doc: string;
  readonly values: readonly string[];
  readonly default: string;
}

export const switchTable = {
  xen: {
    doc: 'Xen release the model follows.',
    values: ['4.17', '4.18', '4.19', '4.20', '4.21', '4.22', '4.23'],
    default: '4.23',
  },
  linux: {
    doc: 'Linux release of Dom0; 6.1.136 brought the IDA numbering to the 6.1 series (facts/dom0 1.4).',
    values: ['6.1.135', '6.1.136', '6.1.192', '6.12.30', '6.12.31', '6.12.117'],
    default: '6.12.117',
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
export type Switches = { readonly [S in SwitchName]: string };

export const defaultSwitches: Switches = Object.fromEntries(
  Object.entries(switchTable).map(([name, entry]) => [name, entry.default]),
) as Switches;

/** Compares dotted release numbers part by part: negative, zero or positive. */
export function compareReleases(a: string, b: string): number {
  const left = parts(a);
  const right = parts(b);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Models ask on every hypercall: a release is taken apart once. The texts come from the table above and the sources. */
const known = new Map<string, readonly number[]>();

function parts(release: string): readonly number[] {
  let numbers = known.get(release);
  if (numbers === undefined) {
    numbers = release.split('.').map(Number);
    known.set(release, numbers);
  }
  return numbers;
}

/** Whether the chosen release of `name` is `release` or later. */
export function atLeast(switches: Switches, name: 'xen' | 'linux', release: string): boolean {
  return compareReleases(switches[name], release) >= 0;
}
