import { type DomainRow, domainsOf } from '../../../replay/inventory/domains.js';
import { ownerText } from '../../base/domid.js';
import { formatSbdf } from '../../pci/sbdf.js';

import { table } from '../../tell/table.js';
import { seenAt } from '../at-position.js';
import { required } from '../choices.js';
import { print, printJson, say, sayNext } from '../io.js';
import { withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), (trace) => {
    const { seq, seen } = seenAt(trace, options['at']);
    const rows = domainsOf(seen);
    if (options['json'] === true) {
      printJson({ schema: 'domains/1', at: seq, domains: rows.map(asJson) });
      return 0;
    }
    if (rows.length === 0) {
      say('the trace knows of no domains');
      return 0;
    }
    print(asText(rows));
    sayNext('devices', { file: trace.file });
    return 0;
  });

function asJson({ domid, domain, devices, drivesBridges, runsToolstack, ...counts }: DomainRow) {
  return {
    domid,
    alive: domain !== null,
    name: domain?.name ?? null,
    type: domain?.type ?? null,
    privileged: domain?.privileged ?? null,
    hardware: domain?.hardware ?? null,
    target: domain?.target ?? null,
    drivesBridges,
    runsToolstack,
    devices: devices.map(formatSbdf),
    ...counts,
  };
}

function asText(rows: readonly DomainRow[]): string[] {
  const [heading, ...cells] = table([
    ['domain', 'name', 'type', 'accesses', 'hypercalls', 'servers', 'is'],
    ...rows.map((row) => [
      ownerText(row.domid),
      row.domain?.name || '-',
      row.domain?.type ?? '-',
      String(row.accesses),
      String(row.hypercalls),
      String(row.servers),
      whatItIs(row) || '-',
    ]),
  ]);
  return [heading!, ...rows.flatMap((row, i) => [cells[i]!, ...devicesBelow(row)])];
}

/** Device names that fit on a line of 80 columns. */
const PER_LINE = 5;

function devicesBelow({ devices }: DomainRow): string[] {
  const names = devices.map(formatSbdf);
  return Array.from({ length: Math.ceil(names.length / PER_LINE) }, (_, line) => {
    const some = names.slice(line * PER_LINE, (line + 1) * PER_LINE).join(' ');
    return `  ${line === 0 ? 'has' : '   '} ${some}`;
  });
}

function whatItIs({ domid, domain, drivesBridges, runsToolstack }: DomainRow): string {
  if (domain === null) return ownerText(domid) === `d${domid}` && domid < FIRST_RESERVED ? 'not alive' : '';
  const target = domain.target === null ? [] : [`device model of d${domain.target}`];
  return [
    ...(domain.privileged ? ['privileged'] : []),
    ...(drivesBridges ? ['drives the bridges'] : []),
    ...(runsToolstack ? ['runs the toolstack'] : []),
    ...target,
  ].join(', ');
}

/** The first domid that is no domain's. @source xen/include/public/xen.h (DOMID_FIRST_RESERVED) */
const FIRST_RESERVED = 0x7ff0;
