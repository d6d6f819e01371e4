import { hex, hexPad } from '../base/hex.js';
import type { EventOf } from '../events/catalogue.js';
import { hasPci, isPciActive } from '../models/xen/arm-bridges.js';
import { functionBehind } from '../models/xen/config-access.js';
import { bridgeOf, type FunctionId, formatFunction } from '../pci/function-id.js';
import { bdfOf, type Dom0Sbdf, formatSbdf, segmentOf, type XenSbdf } from '../pci/sbdf.js';
import { mapId } from '../platform/id-map.js';
import type { Env } from '../state/env.js';
import { deviceNamed, meantByDom0 } from './names.js';
import type { Rule, Watching } from './rule.js';

/** The StreamID a bridge's own `iommu-map` gives a function: what the hardware sends. */
function streamIdOf(env: Env, fn: FunctionId): number | null {
  const map = env.platform.bridges[bridgeOf(fn)]?.iommuMap;
  if (map === undefined || map === null) return null;
  const mapped = mapId(map, bdfOf(fn));
  return 'errno' in mapped ? null : mapped.id;
}

/** StreamIDs print with five digits, the width of a bus and a bridge. */
const hexOrNull = (value: number | null): string | null => (value === null ? null : `0x${hexPad(value, 5)}`);

type Named = EventOf<'hypercall.issued'> | EventOf<'hypercall.entered'>;

/** Both ways a domain enters Xen, looked at alike. */
const onHypercall = (check: (event: Named, watching: Watching) => void) => ({
  'hypercall.issued': check,
  'hypercall.entered': check,
});

/** The hardware domain's name of the device in a hypercall, and what each side takes it for. */
function bothViews({ data }: Named, { env, state }: Watching) {
  if (env.platform.arch !== 'arm64' || state.domains[data.domid]?.hardware !== true) return null;
  const name = deviceNamed(data.hypercall, data.op, data.args);
  if (name === null) return null;
  return {
    name,
    meant: meantByDom0(state, env, name as Dom0Sbdf),
    taken: functionBehind(state, env, name as XenSbdf),
  };
}

const wrongFunction: Rule = {
  code: 'SEG-001',
  severity: 'error',
  title: 'The name reaches another function in Xen',
  doc: 'Dom0 named a device in its own numbering and Xen took a device of another host bridge: wrong configuration space, wrong StreamID, wrong device moved.',
  watch: () =>
    onHypercall((event, watching) => {
      const views = bothViews(event, watching);
      if (views === null || views.meant === null || views.taken === null || views.meant === views.taken)
        return;
      const { platform } = watching.env;
      const { name, meant, taken } = views;
      const [programmed, real] = [streamIdOf(watching.env, taken), streamIdOf(watching.env, meant)];
      const streams =
        programmed === real
          ? ''
          : `; StreamID ${hexOrNull(programmed) ?? 'none'} where the device has ${hexOrNull(real) ?? 'none'}`;
      watching.report({
        message: `${event.data.op} ${formatSbdf(name)} by d${event.data.domid}: meant ${formatFunction(meant, platform)}, Xen took ${formatFunction(taken, platform)}${streams}`,
        function: meant,
        dom0Name: name as Dom0Sbdf,
        xenName: name as XenSbdf,
        evidence: {
          op: event.data.op,
          meant: formatFunction(meant, platform),
          taken: formatFunction(taken, platform),
          streamIdProgrammed: hexOrNull(programmed),
          streamIdReal: hexOrNull(real),
        },
      });
    }),
};

/** The numbers Xen has given its bridges. */
function numbersText(known: readonly (number | null)[]): string {
  const numbers = known.filter((segment) => segment !== null);
  if (numbers.length > 0) return `it has ${numbers.join(', ')}`;
  return known.length === 0 ? 'it knows no bridge' : 'none of its bridges has a number yet';
}

const unknownSegment: Rule = {
  code: 'SEG-002',
  severity: 'error',
  title: 'Xen has no host bridge of that segment',
  doc: 'A hypercall named a segment and bus behind which Xen has no bridge: config reads give 0 as built, the add fails and may leave an ownerless device.',
  watch: () =>
    onHypercall((event, watching) => {
      const views = bothViews(event, watching);
      if (views === null || views.taken !== null || refusal(watching.env) !== null) return;
      const known = watching.state.xen.bridges.map((bridge) => bridge.segment);
      watching.report({
        message: `${event.data.op} ${formatSbdf(views.name)} by d${event.data.domid}: Xen has no bridge for segment ${segmentOf(views.name)} (${numbersText(known)})`,
        function: views.meant,
        dom0Name: views.name as Dom0Sbdf,
        xenName: null,
        evidence: { op: event.data.op, segment: segmentOf(views.name), known },
      });
    }),
};

/** Why an ARM Xen takes no device at all, whatever its name; null when it does. */
function refusal(env: Env): { readonly errno: string; readonly why: string } | null {
  if (env.platform.arch !== 'arm64') return null;
  if (!hasPci(env)) return { errno: 'ENOSYS', why: 'it has no PCI (CONFIG_PCI_PASSTHROUGH, from 4.21 on)' };
  if (isPciActive(env)) return null;
  return { errno: 'EOPNOTSUPP', why: 'pci-passthrough is off and no IOMMU makes up for it' };
}

const takesNone: Rule = {
  code: 'SEG-007',
  severity: 'warning',
  title: 'This Xen takes no PCI device',
  doc: 'Xen on ARM refuses every device Dom0 reports: it was built without PCI, or neither pci-passthrough=on nor an IOMMU asks for it. Dom0 goes on with its devices; none can be given to a guest.',
  watch: () => {
    let told = false;
    return onHypercall((event, watching) => {
      const views = bothViews(event, watching);
      const reason = refusal(watching.env);
      if (told || views === null || reason === null) return;
      told = true;
      watching.report({
        message: `${event.data.op} ${formatSbdf(views.name)} by d${event.data.domid}: Xen answers -${reason.errno} to all devices: ${reason.why}`,
        function: views.meant,
        dom0Name: views.name as Dom0Sbdf,
        evidence: { op: event.data.op, errno: reason.errno, xen: watching.env.switches.xen },
      });
    });
  },
};

const numbersDisagree: Rule = {
  code: 'SEG-003',
  severity: 'warning',
  title: 'Xen and Dom0 number one bridge differently',
  doc: 'Nothing is wrong yet: the next hypercall that names a device behind that bridge will be.',
  watch: () => ({
    'segment.assigned': ({ data }, { env, state, report }) => {
      const own = state.xen.bridges.find((bridge) => bridge.cfgBase === data.cfgBase)?.segment ?? null;
      const theirs = state.dom0.bridges.find((bridge) => bridge.cfgBase === data.cfgBase)?.segment ?? null;
      // Under the proposed design Xen's number follows Dom0's a moment later.
      if (
        own === null ||
        theirs === null ||
        own === theirs ||
        env.policies['segments.xen'] === 'told-by-dom0'
      )
        return;
      report({
        message: `bridge ${hex(data.cfgBase)} is segment ${own} to Xen and ${theirs} to Dom0`,
        function: null,
        evidence: { cfgBase: hex(data.cfgBase), xen: own, dom0: theirs },
      });
    },
  }),
};

const duplicateNumber: Rule = {
  code: 'SEG-004',
  severity: 'error',
  title: 'Two host bridges with one segment number',
  doc: 'One party gave one number to two bridges; look-ups take the first whose bus range fits, the other is unreachable.',
  watch: () => ({
    'segment.assigned': ({ data }, { state, report }) => {
      const held = data.by === 'xen' ? state.xen.bridges : state.dom0.bridges;
      const other = held.find((bridge) => bridge.segment === data.segment && bridge.cfgBase !== data.cfgBase);
      if (other === undefined) return;
      report({
        message: `${data.by} calls both ${hex(other.cfgBase)} and ${hex(data.cfgBase)} segment ${data.segment}`,
        function: null,
        evidence: {
          by: data.by,
          segment: data.segment,
          first: hex(other.cfgBase),
          second: hex(data.cfgBase),
        },
      });
    },
    'bridge.rejected': ({ data }, { report }) => {
      if (data.errno !== -28 && data.errno !== -17) return;
      report({
        message: `${data.by} did not register ${hex(data.cfgBase)}: ${data.reason}`,
        function: null,
        evidence: { by: data.by, cfgBase: hex(data.cfgBase), errno: data.errno },
      });
    },
  }),
};

const truncatedDomain: Rule = {
  code: 'SEG-005',
  severity: 'error',
  title: 'A Linux domain above 0xffff was cut to 16 bits',
  doc: "Xen's interface has 16 bits: a synthetic domain (VMD) collides with a real segment. Linux before 6.12.31 does not check.",
  watch: () =>
    onHypercall((event, { state, report }) => {
      const { data } = event;
      const name = deviceNamed(data.hypercall, data.op, data.args);
      if (name === null || state.domains[data.domid]?.hardware !== true) return;
      const segment = segmentOf(name);
      const wide = state.dom0.bridges.find(
        (bridge) => bridge.segment > 0xffff && (bridge.segment & 0xffff) === segment,
      );
      if (wide === undefined) return;
      report({
        message: `${data.op} ${formatSbdf(name)}: Dom0 has domain ${hex(wide.segment)}, whose low 16 bits are segment ${segment}`,
        function: null,
        dom0Name: name as Dom0Sbdf,
        evidence: { op: data.op, domain: hex(wide.segment), segment },
      });
    }),
};

const stopsXen: Rule = {
  code: 'SEG-006',
  severity: 'error',
  title: 'linux,pci-domain on some host bridges only',
  doc: "Xen's numbering refuses a mix of numbered and unnumbered bridges with BUG: the hypervisor does not boot.",
  watch: () => ({
    'xen.panicked': ({ data }, { report }) => {
      if (!data.reason.includes('linux,pci-domain')) return;
      report({ message: `Xen stopped: ${data.reason}`, function: null, evidence: { reason: data.reason } });
    },
  }),
};

/** Rules about segment numbers: the 2015 thread. @source facts/dom0 1.9, facts/arm-msi-iommu 6.7 */
export const segmentRules: readonly Rule[] = [
  wrongFunction,
  unknownSegment,
  numbersDisagree,
  duplicateNumber,
  truncatedDomain,
  stopsXen,
  takesNone,
];
