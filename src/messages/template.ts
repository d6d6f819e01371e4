import { invariant } from '../base/assert.js';
import { type FieldType, type FieldValue, fieldTypes, readField } from './field.js';

interface Blank {
  readonly name: string;
  readonly type: FieldType;
}

/**
 * The text of a message with blanks: `xen map irq failed {errno} for {domid} domain`. `{name:type}` where the name is
 * not itself a type. `{{` stands for a brace.
 */
export interface Template {
  readonly text: string;
  readonly blanks: readonly Blank[];
  readonly ofDevice: boolean;
  /** The whole line, and the message anywhere in a line (somebody's own words may stand around it). */
  readonly whole: RegExp;
  readonly within: RegExp;
  /** Its words without blanks and numbers, for comparing where numbers do not count. */
  readonly gist: string;
  /** How many letters the message has of its own. */
  readonly weight: number;
  /** A word that every line of this message has: what the index goes by; null when the template has none. */
  readonly anchor: string | null;
}

/**
 * How a kernel names the device a line is about: `pciback 0000:05:00.0: `, in mails often without the driver. pciback
 * puts its module's name behind it in some releases.
 */
const DEVICE_HEAD = String.raw`(?:(?:([\w.-]+) )?(${fieldTypes.device}): +)?(?:xen[-_]pciback: )?`;

const DEVICE_BEFORE = new RegExp(`^\\s*${DEVICE_HEAD}`, 'i');

const PART = /\{\{|\{(\w+)(?::(\w+))?\}/g;

/**
 * Takes a template apart. @param ofDevice The line may begin with a driver's and a device's name.
 * @throws an invariant's breach for an unknown field type: templates are ours
 */
export function template(text: string, ofDevice = false): Template {
  const blanks: Blank[] = [];
  let pattern = '';
  let gist = '';
  let from = 0;
  const literal = (piece: string): void => {
    pattern += spaced(piece);
    gist += piece;
  };
  for (const match of text.matchAll(PART)) {
    literal(text.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[0] === '{{') {
      literal('{');
      continue;
    }
    const type = (match[2] ?? match[1]) as FieldType;
    invariant(Object.hasOwn(fieldTypes, type), `a message template has the unknown field type ${type}`);
    blanks.push({ name: match[1]!, type });
    pattern += `(${fieldTypes[type]})`;
    gist += ' # ';
  }
  literal(text.slice(from));
  const head = ofDevice ? DEVICE_HEAD : '';
  // Inside of somebody's JSON a free text ends where the string does.
  const inside = pattern.replace(/\(\.\+\?\)$/, '([^"]+)');
  return {
    text,
    blanks,
    ofDevice,
    whole: new RegExp(`^\\s*${head}${pattern}\\s*$`, 'i'),
    within: new RegExp(`(?<![\\w/])${head}${inside}(?![\\w/])`, 'i'),
    gist: gistOf(gist),
    weight: gist.replace(/[^a-z]/gi, '').length,
    anchor: anchorOf(text),
  };
}

/**
 * Consoles and mailers change the number of blanks, and people type `_` for one: any run of them stands for any other.
 */
function spaced(literal: string): string {
  return literal
    .split(/(\s+)/)
    .map((piece, i) => (i % 2 === 1 ? '[\\s_]+' : piece.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')))
    .join('');
}

/** The longest word between the blanks that no blank touches. */
function anchorOf(text: string): string | null {
  const words = text.replace(PART, '{').match(/(?<![\w{])[A-Za-z]{3,}(?![\w{])/g) ?? [];
  return words.reduce<string | null>(
    (longest, word) => (longest === null || word.length > longest.length ? word.toLowerCase() : longest),
    null,
  );
}

/** Words in lower case with every number and name of a device as `#`: the same for all lines of one message. */
export function gistOf(text: string): string {
  return text
    .toLowerCase()
    .replace(new RegExp(fieldTypes.device, 'gi'), '#')
    .replace(/\bf{6}[0-9a-f]{2}\b|0x[0-9a-f]+|<[^<>]*>/g, '#')
    .replace(/\b(?=[0-9a-f]*\d)[0-9a-f]+\b|-?\d+/g, '#')
    .replace(/[^a-z0-9#]+/g, ' ')
    .replace(/#(?: #)+/g, '#')
    .trim();
}

/** What stood in the blanks of a line; null when the line is not of this template. */
export function readTemplate(
  of: Template,
  line: string,
  where: 'whole' | 'within',
): ReadonlyMap<string, FieldValue> | null {
  const match = of[where].exec(line);
  if (match === null) return null;
  const fields = new Map<string, FieldValue>();
  if (of.ofDevice) {
    const [, driver, device] = match;
    if (driver !== undefined) fields.set('driver', readField('word', driver));
    if (device !== undefined) fields.set('device', readField('device', device));
  }
  const first = of.ofDevice ? 3 : 1;
  of.blanks.forEach(({ name, type }, i) => {
    fields.set(name, readField(type, match[first + i]!));
  });
  return fields;
}

/** The line with its blanks filled. @throws an invariant's breach for a blank without a value */
export function fillTemplate(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(PART, (whole, name: string | undefined) => {
    if (whole === '{{') return '{';
    const value = Object.hasOwn(values, name!) ? values[name!] : undefined;
    invariant(value !== undefined, `the message "${text}" has no value for ${name}`);
    return String(value);
  });
}

/** A line without the driver and the device a kernel put before it. */
export function withoutDevice(line: string): string {
  return line.replace(DEVICE_BEFORE, '');
}
