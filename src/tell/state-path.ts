import { hex, parseInteger } from '../base/hex.js';
import { type FunctionId, formatFunction, functionId, parseFunction } from '../pci/function-id.js';
import { bdfOf, formatSbdf, parseSbdf } from '../pci/sbdf.js';
import type { Platform } from '../platform/platform.js';

/** What a number in the state is to people. */
export type NumberKind = 'hex' | 'sbdf' | 'function';

/** Keys that are numbers with a meaning, by their place; `*` is any key. Other keys are counts and ids and stay. */
const keys = places({
  hex: `bridgeInit.* hw.config.*.* iommu.smmus.* iommu.smmus.*.streams.* its.hosts.* its.hosts.*.* its.dangling.*
    its.dangling.*.* its.virtual.*.* its.virtual.*.*.devices.* msi.claims.* msi.latched.* mmconfig.*.registers.*.*
    pciback.devices.*.saved.* pciback.devices.*.sizing.* physmap.*.pages.* sleep.saved.*.* sleep.fallen.*.*`,
  sbdf: `irq.msi.* linux.devices.* mmconfig.*.ports.* mmconfig.*.registers.* pciback.devices.*
    pciback.backends.*.devices.* sleep.saved.* vpci.devices.* xen.devices.* xen.virtualFunctions.* xen.virtualFunctions.*.*`,
  function: 'hw.config.* hw.present.* msi.functions.* sleep.fallen.*',
});

/** The same for values whose name alone does not say it. */
const values = places({
  hex: `hw.config.*.* ioreq.*.params.* ioreq.*.servers.*.ranges.0.*.* ioreq.*.servers.*.ranges.1.*.*
    ioreq.*.memTypes.*.*.* ioreq.*.freeGfns.* mmconfig.*.registers.*.* mmconfig.*.written.* mmconfig.*.pending.*.reg
    permissions.*.iomem.*.* permissions.*.ioport.*.* physmap.*.mmio.*.gfn physmap.*.mmio.*.mfn physmap.*.ports.*.gport
    physmap.*.ports.*.mport pciback.devices.*.command pciback.devices.*.saved.* vpci.devices.*.msi.position
    vpci.devices.*.msix.position sleep.saved.*.* sleep.fallen.*.*`,
  sbdf: `ioreq.*.servers.*.ranges.2.*.* pciback.slots.* pciback.backends.*.order.* pciback.backends.*.devices.*`,
  function: '',
});

export const keyKind = (path: readonly string[]): NumberKind | null => find(keys, path);
export const valueKind = (path: readonly string[]): NumberKind | null => find(values, path);

/** A path with its numbers as people read them. */
export function showPath(path: readonly string[], platform: Platform): string[] {
  return path.map((step, i) => {
    const kind = /^\d+$/.test(step) ? keyKind(path.slice(0, i + 1)) : null;
    return kind === null ? step : showNumber(Number(step), kind, platform);
  });
}

export function showNumber(value: number, kind: NumberKind, platform: Platform): string {
  if (kind === 'hex') return hex(value);
  return kind === 'sbdf' ? formatSbdf(value) : formatFunction(value as FunctionId, platform);
}

/** Steps of a path as it is printed or with plain numbers; names of devices have dots of their own. */
export function readPath(text: string, platform: Platform): string[] {
  const steps = text.match(STEP) ?? [];
  return steps.map((step, i) => {
    const kind = keyKind([...steps.slice(0, i), '0']);
    const value = kind === null || /^\d+$/.test(step) ? null : readNumber(step, kind, platform);
    return value === null ? step : String(value);
  });
}

const STEP =
  /(?:0x[0-9a-f]+|\?\d+)\/[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|[^.]+/g;

function readNumber(text: string, kind: NumberKind, platform: Platform): number | null {
  if (kind === 'hex') return parseInteger(text);
  if (kind === 'sbdf') return parseSbdf(text);
  const nameless = /^\?(\d{1,11})\/(.+)$/.exec(text);
  const name = nameless === null ? null : parseSbdf(nameless[2]!);
  return nameless === null || name === null
    ? parseFunction(text, platform)
    : functionId(Number(nameless[1]), bdfOf(name));
}

/** Places as a tree of steps. */
interface Place {
  readonly steps: Map<string, Place>;
  kind: NumberKind | null;
}

function places(given: Readonly<Record<NumberKind, string>>): Place {
  const root: Place = { steps: new Map(), kind: null };
  for (const [kind, paths] of Object.entries(given) as [NumberKind, string][]) {
    for (const path of paths.split(/\s+/).filter((one) => one !== '')) {
      let at = root;
      for (const step of path.split('.')) {
        const next = at.steps.get(step) ?? { steps: new Map(), kind: null };
        at.steps.set(step, next);
        at = next;
      }
      at.kind = kind;
    }
  }
  return root;
}

function find(root: Place, path: readonly string[]): NumberKind | null {
  let at: Place | undefined = root;
  for (const step of path) {
    at = at.steps.get(step) ?? at.steps.get('*');
    if (at === undefined) return null;
  }
  return at.kind;
}
