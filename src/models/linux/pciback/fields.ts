import { findCapability } from '../../../pci/capability-walk.js';
import type { DevicePort } from './device.js';

/** What a config field is; the policy of each kind is in `field-policy.ts`. */
export type FieldKind =
  | 'vendor'
  | 'device'
  | 'command'
  | 'interrupt-line'
  | 'interrupt-pin'
  | 'cache-line'
  | 'latency'
  | 'bist'
  | 'bar'
  | 'rom'
  | 'capability-header'
  | 'vpd-address'
  | 'vpd-data'
  | 'pm-capabilities'
  | 'pm-control'
  | 'read-only'
  | 'msi-flags'
  | 'msix-flags'
  | 'quirk';

export interface ConfigField {
  readonly offset: number;
  readonly size: 1 | 2 | 4;
  readonly kind: FieldKind;
  /** As the sysfs file `quirks` prints it; 0 for everything but quirks. */
  readonly mask: number;
}

const field = (offset: number, size: 1 | 2 | 4, kind: FieldKind): ConfigField => ({
  offset,
  size,
  kind,
  mask: 0,
});

/** In list order, which is the order of reads within one access and of the `quirks` file. @source facts/dom0 5.3 */
const commonHeader: readonly ConfigField[] = [
  field(0x00, 2, 'vendor'),
  field(0x02, 2, 'device'),
  field(0x04, 2, 'command'),
  field(0x3c, 1, 'interrupt-line'),
  field(0x3d, 1, 'interrupt-pin'),
  field(0x0c, 1, 'cache-line'),
  field(0x0d, 1, 'latency'),
  field(0x0f, 1, 'bist'),
];

const bars = (count: number, rom: number): readonly ConfigField[] => [
  ...Array.from({ length: count }, (_, i) => field(0x10 + 4 * i, 4, 'bar')),
  field(rom, 4, 'rom'),
];

const capability = (at: number, fields: readonly (readonly [number, 1 | 2 | 4, FieldKind])[]) => [
  field(at, 2, 'capability-header'),
  ...fields.map(([offset, size, kind]) => field(at + offset, size, kind)),
];

/** Registration order of the capabilities pciback knows. @source facts/dom0 5.4 */
const capabilities: readonly (readonly [
  id: number,
  fields: readonly (readonly [number, 1 | 2 | 4, FieldKind])[],
])[] = [
  [
    0x03,
    [
      [2, 2, 'vpd-address'],
      [4, 4, 'vpd-data'],
    ],
  ],
  [
    0x01,
    [
      [2, 2, 'pm-capabilities'],
      [4, 2, 'pm-control'],
      [6, 1, 'read-only'],
      [7, 1, 'read-only'],
    ],
  ],
  [0x05, [[2, 2, 'msi-flags']]],
  [0x11, [[2, 2, 'msix-flags']]],
];

/**
 * The overlay pciback builds when it seizes a device. Unknown header types give none: such a device is refused.
 * @source facts/dom0 4.4, 5.3, 5.4
 */
export function buildFields(read: DevicePort['read']): readonly ConfigField[] {
  const headerType = read(0x0e, 1) & 0x7f;
  if (headerType > 1) return [];
  const fields = [...commonHeader, ...(headerType === 0 ? bars(6, 0x30) : bars(2, 0x38))];
  for (const [id, own] of capabilities) {
    const at = findCapability(read, id);
    if (at !== 0) fields.push(...withoutDuplicates(fields, capability(at, own)));
  }
  return fields;
}

/** The first field whose offset exists already ends its table (a latent bug where capabilities overlap). */
function withoutDuplicates(
  present: readonly ConfigField[],
  added: readonly ConfigField[],
): readonly ConfigField[] {
  const clash = added.findIndex((one) => present.some((other) => other.offset === one.offset));
  return clash < 0 ? added : added.slice(0, clash);
}
