import { type DeviceRow, devicesOf, type Identity } from '../../../replay/inventory/devices.js';
import { ownerText } from '../../base/domid.js';
import { className } from '../../pci/class-names.js';
import { formatFunction } from '../../pci/function-id.js';
import { formatSbdf } from '../../pci/sbdf.js';
import type { Platform } from '../../platform/platform.js';

import { table } from '../../tell/table.js';
import { seenAt } from '../at-position.js';
import { required } from '../choices.js';
import { print, printJson, say, sayNext } from '../io.js';
import { withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), (trace) => {
    const { env } = trace;
    const { seq, seen } = seenAt(trace, options['at']);
    const rows = devicesOf(env, seen);
    if (options['json'] === true) {
      printJson({
        schema: 'devices/1',
        at: seq,
        devices: rows.map((row) => asJson(row, env.platform)),
      });
      return 0;
    }
    if (rows.length > 0) print(asText(rows, env.platform));
    else say('the trace knows of no functions');
    const worst = seen.findings.find(({ severity }) => severity === 'error') ?? seen.findings[0];
    if (worst !== undefined) sayNext('explain', { file: trace.file }, worst.seq);
    return 0;
  });

const id = (value: number): string => value.toString(16).padStart(4, '0');
const what = ({ vendorId, deviceId, classCode }: Identity): string =>
  `${className(classCode)} ${id(vendorId)}:${id(deviceId)}`;

function asJson(row: DeviceRow, platform: Platform) {
  return {
    function: row.function === null ? null : formatFunction(row.function, platform),
    name: row.name || null,
    present: row.present,
    xenName: row.xenName === null ? null : formatSbdf(row.xenName),
    knownToXen: row.knownToXen,
    dom0Name: row.dom0Name === null ? null : formatSbdf(row.dom0Name),
    guestNames: row.guestNames.map(({ domid, name }) => ({ domid, name: formatSbdf(name) })),
    vendorId: row.identity === null ? null : `0x${id(row.identity.vendorId)}`,
    deviceId: row.identity === null ? null : `0x${id(row.identity.deviceId)}`,
    class: row.identity === null ? null : `0x${id(row.identity.classCode)}`,
    className: row.identity === null || !row.present ? null : className(row.identity.classCode),
    owner: row.owner,
    driver: row.driver,
    accesses: row.accesses,
    events: row.events,
    findings: row.findings,
  };
}

/** A row a function; what was found about it, and guests' names for it, stand below. */
function asText(rows: readonly DeviceRow[], platform: Platform): string[] {
  const [heading, ...cells] = table([
    ['function', 'Xen', 'Dom0', 'owner', 'driver', 'accesses', ''],
    ...rows.map((row) => [
      row.function === null ? '-' : formatFunction(row.function, platform),
      named(row.xenName, row.knownToXen),
      row.dom0Name === null ? '-' : formatSbdf(row.dom0Name),
      row.knownToXen ? ownerText(row.owner) : '-',
      row.driver ?? '-',
      String(row.accesses),
      nameBeside(row),
    ]),
  ]);
  const notes = rows.some((row) => row.xenName !== null && !row.knownToXen)
    ? ['', '(name) Xen would use the name and has no such device']
    : [];
  return [heading!, ...rows.flatMap((row, i) => [cells[i]!, ...below(row)]), ...notes];
}

/** The platform's name for people, where it says more than the others. */
function nameBeside({ name, xenName, dom0Name }: DeviceRow): string {
  const others = [xenName, dom0Name].map((one) => (one === null ? null : formatSbdf(one)));
  return others.includes(name) ? '' : name;
}

/** Xen's name for a function; in brackets when Xen has nothing under it. */
function named(name: DeviceRow['xenName'], isKnown: boolean): string {
  if (name === null) return '-';
  return isKnown ? formatSbdf(name) : `(${formatSbdf(name)})`;
}

function below(row: DeviceRow): string[] {
  const identity = row.identity === null ? [] : [row.present ? what(row.identity) : 'not there'];
  const guests = row.guestNames.map(({ domid, name }) => `d${domid} has it as ${formatSbdf(name)}`);
  const found = row.findings.map(({ rule, count }) => (count === 1 ? rule : `${rule} ${count} times`));
  const said = [...identity, ...guests];
  return [
    ...(said.length === 0 ? [] : [`  ${said.join('; ')}`]),
    ...(found.length === 0 ? [] : [`  finds ${found.join(', ')}`]),
  ];
}
