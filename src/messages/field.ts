import { errno as errnos } from '../base/errno.js';

/**
 * What may stand in a blank of a message. People replace values before they post a log, so each also takes the place
 * holders of public reports (`<domid>`, `DDDD:bb:dd.f`, `???`); such a value reads as unknown.
 */
export const fieldTypes = {
  /** A PCI function in any of the spellings tools use. */
  device: String.raw`(?:dom\d+:|xen-pci-pt_|pci-pt-)?(?:[0-9a-f]{1,8}[:_-])?[0-9a-f]{1,2}[:_-]{1,2}[0-9a-f]{1,2}[._-][0-9a-f]{1,2}|DDDD:[Bb]{2}:[Dd]{2}\.[Ff]|<[^<>]*(?:address|device|bdf|sbdf)[^<>]*>|x{4}:x{2}:x{2}\.x`,
  /** An error number: `-22`, `22`, `ffffff8e`, `EINVAL`. */
  errno: String.raw`-?\d{1,4}|f{6}[0-9a-f]{2}|-?E[A-Z]{2,}|<[^<>]*>`,
  domid: String.raw`\d{1,5}|<[^<>]*>|[A-Z]\b`,
  dec: String.raw`-?\d+|<[^<>]*>`,
  hex: '(?:0[xX])?[0-9a-fA-F?]+|<[^<>]*>',
  /** One word. */
  word: String.raw`\S+?`,
  /** Anything, to the next part of the message or its end. */
  text: '.+?',
} as const;

export type FieldType = keyof typeof fieldTypes;

/** What stood in a blank; null where a person had replaced it. */
export interface FieldValue {
  readonly type: FieldType;
  readonly raw: string;
  /** The name in one spelling, a number, or the text itself. */
  readonly value: string | number | null;
}

/** Reads what stood in a blank. Total: what is no value of the type reads as null. */
export function readField(type: FieldType, raw: string): FieldValue {
  return { type, raw, value: fieldValue(type, raw) };
}

function fieldValue(type: FieldType, raw: string): string | number | null {
  switch (type) {
    case 'device':
      return readDevice(raw);
    case 'errno':
      return readErrno(raw);
    case 'domid':
    case 'dec':
      return /^-?\d+$/.test(raw) ? Number(raw) : null;
    case 'hex':
      return /^(?:0x)?[0-9a-f]+$/i.test(raw) ? `0x${raw.toLowerCase().replace(/^0x/, '')}` : null;
    case 'word':
    case 'text':
      return raw;
  }
}

/**
 * One spelling, `ssss:bb:dd.f`, for a function in any of those that xl, libxl, QEMU, stub domains and libvirt use; null
 * where the text names none. Domains of more than four digits (VMD) keep them.
 */
export function readDevice(raw: string): string | null {
  const match = /(?:([0-9a-f]{1,8})[:_-])??([0-9a-f]{1,2})[:_-]{1,2}([0-9a-f]{1,2})[._-]0?([0-7])$/i.exec(
    raw.replace(/^dom\d+:/, ''),
  );
  if (match === null) return null;
  const dev = Number.parseInt(match[3]!, 16);
  if (dev > 31) return null;
  // `00_14.0` names device and function on bus 0: two numbers before the dot, of which the first is the bus.
  const segment = (match[1] ?? '0').toLowerCase().replace(/^0+(?=.)/, '');
  return `${segment.padStart(4, '0')}:${pad(match[2]!)}:${pad(match[3]!)}.${match[4]}`;
}

const pad = (text: string): string => text.toLowerCase().padStart(2, '0');

/** Negative errno, whatever the spelling; null when it is none. */
function readErrno(raw: string): number | null {
  if (/^f{6}[0-9a-f]{2}$/i.test(raw)) return Number.parseInt(raw, 16) - 0x1_0000_0000;
  if (/^-?\d+$/.test(raw)) return -Math.abs(Number(raw));
  const name = raw.replace(/^-/, '');
  return Object.hasOwn(errnos, name) ? -errnos[name as keyof typeof errnos] : null;
}
