import type { DomainId } from '../base/brand.js';
import { hex } from '../base/hex.js';
import { devicesOf } from '../models/xen/vpci/owner.js';
import { formatSbdf, type XenSbdf } from '../pci/sbdf.js';
import type { Rule, Watching } from './rule.js';

const functionOf = ({ state }: Watching, name: XenSbdf) => state.xen.devices[name]?.function ?? null;

/** A log line of vPCI as a finding, once per function and line. */
function onWarning(pattern: RegExp, tell: (text: string, name: XenSbdf) => string): Rule['watch'] {
  return () => {
    const reported = new Set<string>();
    return {
      'vpci.warned': ({ data }, watching) => {
        const key = `${data.sbdf} ${data.message}`;
        if (!pattern.test(data.message) || reported.has(key)) return;
        reported.add(key);
        watching.report({
          message: tell(data.message, data.sbdf),
          function: functionOf(watching, data.sbdf),
          xenName: data.sbdf,
          evidence: { line: data.message },
        });
      },
    };
  };
}

const mappedBar: Rule = {
  code: 'CFG-003',
  severity: 'warning',
  title: 'A BAR was written while it was mapped',
  doc: 'vPCI lets a BAR move only while memory decoding is off: the write was dropped and the device stays where it was.',
  watch: onWarning(
    /^ignored (guest )?(ROM )?BAR( \d+)? write while mapped$/,
    (line, name) => `${formatSbdf(name)}: ${line}; the domain believes the BAR has moved`,
  ),
};

const hiddenCapability: Rule = {
  code: 'CFG-004',
  severity: 'warning',
  title: 'A capability was taken out of the list',
  doc: 'vPCI could not set a capability up and hides it: the driver runs without it.',
  watch: onWarning(/ cap \d+ fail rc=/, (line, name) => `${formatSbdf(name)}: ${line}`),
};

const notEmulated: Rule = {
  code: 'CFG-005',
  severity: 'warning',
  title: 'A guest used a register that vPCI does not emulate',
  doc: 'For an unprivileged domain such a register reads all ones and takes no writes, whatever the device has there.',
  watch: () => {
    const reported = new Set<string>();
    return {
      'config.requested': ({ data }, watching) => {
        const { domid, via, sbdf, reg, size, dir } = data;
        if (via !== 'ecam' && via !== 'cf8') return;
        const found = devicesOf(watching.state, domid as DomainId).find(
          ([, device]) => device.guestSbdf !== null && device.guestSbdf === (sbdf as number),
        );
        if (found === undefined) return;
        const [name, { registers }] = found;
        let at = reg;
        for (const { offset, size: length } of registers)
          if (offset <= at && at < offset + length) at = offset + length;
        const key = `${name} ${at}`;
        if (at >= reg + size || reported.has(key)) return;
        reported.add(key);
        watching.report({
          message: `d${domid} ${dir === 'read' ? 'reads' : 'writes'} register ${hex(reg)} of ${formatSbdf(sbdf)}, where vPCI has no handler for ${hex(at)}`,
          function: functionOf(watching, name),
          xenName: name,
          evidence: { domid, dir, reg, size, unhandled: at },
        });
      },
    };
  },
};

const refusedMessage: Rule = {
  code: 'CFG-006',
  severity: 'error',
  title: 'Messages are on, but their address is no interrupt',
  doc: 'vPCI binds only addresses of the local APICs (0xFEExxxxx): the capability says enabled and nothing will arrive.',
  watch: () => {
    const reported = new Set<string>();
    return {
      'vpci.interrupt': ({ data }, watching) => {
        const key = `${data.sbdf} ${data.source} ${data.entry}`;
        if (data.action !== 'refuse' || reported.has(key)) return;
        reported.add(key);
        const address = data.addressHi * 2 ** 32 + data.addressLo;
        watching.report({
          message: `${formatSbdf(data.sbdf)}: ${data.source} vector ${data.entry} with address ${hex(address)} stays unbound`,
          function: functionOf(watching, data.sbdf),
          xenName: data.sbdf,
          evidence: { source: data.source, entry: data.entry, address: hex(address) },
        });
      },
    };
  },
};

const givenUp: Rule = {
  code: 'CFG-007',
  severity: 'warning',
  title: 'vPCI gave a function up',
  doc: 'Its set-up failed: the hardware domain reaches the bare device, BARs and messages included, or an owner gets nothing.',
  watch: () => ({
    'device.failed': ({ data }, watching) => {
      if (data.step !== 'vpci') return;
      watching.report({
        message: `${formatSbdf(data.sbdf)}: ${data.reason} (${data.errno})`,
        function: functionOf(watching, data.sbdf),
        xenName: data.sbdf,
        evidence: { errno: data.errno },
      });
    },
  }),
};

/** Rules about what vPCI drops, hides or refuses. */
export const vpciRules: readonly Rule[] = [mappedBar, hiddenCapability, notEmulated, refusedMessage, givenUp];
