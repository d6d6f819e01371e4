import { invariant } from '../base/assert.js';
import type { Also, ValueOf } from './switches.js';

/** One design question with its possible answers. */
export interface Axis {
  readonly doc: string;
  readonly values: readonly string[];
  /** Takes other values too, shown as this. */
  readonly also?: Also;
  readonly default: string;
}

type Offset = `offset:${number}`;

/** Segment numbers that begin at a number of their own. */
const anyOffset: Also<Offset> = {
  shown: 'offset:N',
  letters: 'N is a decimal number of up to five digits',
  accepts: (value): value is Offset => offsetOf(value) !== null,
};

/** The number of `offset:N`; null for other texts. */
export function offsetOf(value: string): number | null {
  const found = /^offset:(\d{1,5})$/.exec(value);
  return found === null ? null : Number(found[1]);
}

/** The designs one can compare: `--policy name=value`. */
export const axes = {
  'segments.xen': {
    doc: 'Where Xen takes the segment number of an ARM host bridge from. `told-by-dom0` is the proposed PHYSDEVOP_pci_host_bridge_add, never merged.',
    values: ['dt-order', 'dt-property', 'firmware', 'told-by-dom0'],
    also: anyOffset,
    default: 'dt-property',
  },
  'segments.dom0': {
    doc: 'Which algorithm numbers host bridges in Linux; `by-version` follows the `linux` switch.',
    values: ['by-version', 'counter', 'ida', 'firmware'],
    default: 'by-version',
  },
  iommu: { doc: 'Whether Xen drives the IOMMU.', values: ['on', 'off'], default: 'on' },
  'dom0-iommu': {
    doc: "Xen's `dom0-iommu=` on x86: what the hardware domain's devices reach. `relaxed` all memory but Xen's, `strict` its own, `passthrough` everything, untranslated. A PVH hardware domain is always strict.",
    values: ['relaxed', 'strict', 'passthrough'],
    default: 'relaxed',
  },
  quarantine: {
    doc: "Xen's `iommu=quarantine`: where a device goes when a guest gives it back; `none`: to the hardware domain unless it was put into quarantine by name.",
    values: ['basic', 'scratch-page', 'none'],
    default: 'basic',
  },
  'pci-passthrough': {
    doc: "Xen's ARM boot option; on: Xen writes its numbers into Dom0's tree.",
    values: ['on', 'off'],
    default: 'off',
  },
  mmconfig: {
    doc: 'How Xen treats the ECAM window of an HVM guest.',
    values: ['none', 'notify', 'xen-chipset', 'transparent'],
    default: 'none',
  },
  msi: {
    doc: 'MSI controller and its owner.',
    values: ['its', 'gicv2m', 'nwl-trap', 'xgene'],
    default: 'its',
  },
  doorbell: {
    doc: "Whether a guest's stage 2 maps the MSI doorbell.",
    values: ['mapped', 'unmapped-smmu-abort'],
    default: 'unmapped-smmu-abort',
  },
  'guest-msi': {
    doc: 'How MSIs of guests are carried out: `none` as built, the guest programs the function; `trap` Xen forces a message of its own (2017 proposal); `fault` Xen injects what the SMMU reports (its alternative).',
    values: ['none', 'trap', 'fault'],
    default: 'none',
  },
  'msix-table': {
    doc: "Whether the page of a guest's MSI-X table is trapped too; it lies in a BAR, beside registers the guest needs.",
    values: ['trapped', 'untrapped'],
    default: 'trapped',
  },
  'nwl-doorbell': {
    doc: 'Where the doorbell of a Xilinx NWL bridge stands: no text settles it.',
    values: ['inside-bridge', 'behind-smmu'],
    default: 'inside-bridge',
  },
  'interrupt-remapping': {
    doc: 'Whether x86 messages go through the remapping table, which checks who sent them.',
    values: ['on', 'off'],
    default: 'on',
  },
  assignable: {
    doc: 'Who stores the list of assignable devices.',
    values: ['pciback', 'xen-flag', 'xenstore'],
    default: 'pciback',
  },
  'hardware-domain': { doc: 'Who owns the hardware.', values: ['dom0', 'domd', 'dom0less'], default: 'dom0' },
  'driver-domain': {
    doc: 'What a driver domain that owns the hardware gets (`hardware-domain=domd`). `as-built`: nothing, privileges and the backend stay with domain 0. The others are proposals, never merged: `channel` a request channel to the toolstack (idea of 2020); `backend-0` also the right to report its devices, and a toolstack that may grant what is not its own; `proposed` also the backend directory of the driver domain in XenStore.',
    values: ['as-built', 'channel', 'backend-0', 'proposed'],
    default: 'as-built',
  },
  'bridge-init': {
    doc: 'Who initialises a host bridge.',
    values: ['firmware', 'dom0', 'xen'],
    default: 'firmware',
  },
  'linux-resources': {
    doc: 'Who places BARs and windows on an ARM machine: `assign` Linux itself (a device tree), `acpi` Linux, asking for more room when it fails (ACPI), `preserve` firmware, Linux completes (ACPI `_DSM` 5), `probe-only` firmware alone (`linux,pci-probe-only`). x86 always keeps what firmware placed.',
    values: ['assign', 'acpi', 'preserve', 'probe-only'],
    default: 'assign',
  },
  'pci-realloc': {
    doc: "Linux' option `pci=realloc`: whether it moves windows that firmware made too small; `auto`: only for virtual functions without room.",
    values: ['auto', 'on', 'off'],
    default: 'auto',
  },
} as const satisfies Record<string, Axis>;

export type AxisName = keyof typeof axes;
/** What an axis can be. */
export type PolicyValue<A extends AxisName> = ValueOf<(typeof axes)[A]>;
/** A value for every axis. */
export type Policies = { readonly [A in AxisName]: PolicyValue<A> };

export const isAxisName = (name: string): name is AxisName => Object.hasOwn(axes, name);

/** Whether `value` is one of the axis' answers. */
export function isPolicyValue(axis: AxisName, value: string): boolean {
  const { values, also }: Axis = axes[axis];
  return values.includes(value) || (also?.accepts(value) ?? false);
}

/** Whether every axis has one of its answers, and there is nothing else. */
export function isPolicies(choices: Readonly<Record<string, string>>): choices is Policies {
  return (
    Object.keys(choices).every(isAxisName) &&
    Object.keys(axes).every((name) => isAxisName(name) && isPolicyValue(name, choices[name] ?? ''))
  );
}

export const defaultPolicies: Policies = complete();

function complete(): Policies {
  const chosen = Object.fromEntries(Object.entries(axes).map(([name, axis]) => [name, axis.default]));
  invariant(isPolicies(chosen), 'the default of a policy is not one of its values');
  return chosen;
}
