import type { PastedLine, PastedText } from './line.js';
import { decodeQuotedPrintable } from './quoted-printable.js';

interface Headers {
  readonly encoding: string;
  readonly boundary: string | null;
  readonly fileName: string | null;
  readonly isText: boolean;
}

const HEADER = /^([A-Za-z][\w-]*):\s?(.*)$/;
/** Mails nest; a bound keeps a made-up one from going on for ever. */
const DEPTH = 8;

/** Whether a file is a mail, or a part of one, with its headers. */
export function isMail(lines: readonly PastedLine[]): boolean {
  for (const { text } of lines) {
    if (text === '') return false;
    if (/^(?:content-transfer-encoding|mime-version|content-type|message-id):/i.test(text)) return true;
    if (!HEADER.test(text) && !/^\s+\S/.test(text) && !/^From /.test(text)) return false;
  }
  return false;
}

/** The readable parts of a mail, decoded; parts that are no text are left out. @source RFC 2045, RFC 2046 */
export function mailParts(lines: readonly PastedLine[], depth = 0): PastedText[] {
  const end = lines.findIndex(({ text }) => text === '');
  const headers = readHeaders(end < 0 ? lines : lines.slice(0, end));
  const body = end < 0 ? [] : lines.slice(end + 1);
  if (headers.boundary !== null && depth < DEPTH) {
    return partsBetween(body, headers.boundary).flatMap((part) => mailParts(part, depth + 1));
  }
  if (!headers.isText) return [];
  return [{ name: headers.fileName, lines: decode(body, headers.encoding) }];
}

function readHeaders(lines: readonly PastedLine[]): Headers {
  const values = new Map<string, string>();
  let name: string | null = null;
  for (const { text } of lines) {
    const match = HEADER.exec(text);
    if (match !== null) {
      name = match[1]!.toLowerCase();
      values.set(name, match[2]!);
    } else if (name !== null) {
      values.set(name, `${values.get(name)} ${text.trim()}`);
    }
  }
  const type = values.get('content-type') ?? 'text/plain';
  const parameter = (key: string, of: string): string | null =>
    new RegExp(`${key}\\s*=\\s*(?:"([^"]*)"|([^;\\s]+))`, 'i').exec(of)?.slice(1).find(Boolean) ?? null;
  return {
    encoding: (values.get('content-transfer-encoding') ?? '7bit').trim().toLowerCase(),
    boundary: /^multipart\//i.test(type) ? parameter('boundary', type) : null,
    fileName: parameter('filename', values.get('content-disposition') ?? '') ?? parameter('name', type),
    isText: /^(?:text\/|application\/(?:octet-stream|x-log)|message\/)/i.test(type),
  };
}

function partsBetween(lines: readonly PastedLine[], boundary: string): PastedLine[][] {
  const parts: PastedLine[][] = [];
  let part: PastedLine[] | null = null;
  for (const line of lines) {
    const mark = line.text.trimEnd();
    if (mark === `--${boundary}` || mark === `--${boundary}--`) {
      part = mark.endsWith('--') && mark.length === boundary.length + 4 ? null : [];
      if (part !== null) parts.push(part);
    } else part?.push(line);
  }
  return parts;
}

function decode(lines: readonly PastedLine[], encoding: string): readonly PastedLine[] {
  if (encoding === 'quoted-printable') return decodeQuotedPrintable(lines);
  return encoding === 'base64' ? decodeBase64(lines) : lines;
}

/** Decoded lines have no lines of the file of their own: they are counted inside the lines that hold them. */
function decodeBase64(lines: readonly PastedLine[]): PastedLine[] {
  const first = lines[0]?.line ?? 1;
  const last = lines.at(-1)?.lastLine ?? first;
  const packed = lines.map(({ text }) => text.trim()).join('');
  const bytes = base64(packed);
  return new TextDecoder()
    .decode(bytes)
    .split(/\r?\n/)
    .map((text) => ({ line: first, lastLine: last, text }));
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Bytes of base64; characters outside its alphabet are passed over. @source RFC 2045, clause 6.8 */
function base64(text: string): Uint8Array {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) continue;
    bits = ((bits << 6) | value) & 0xffffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push((bits >>> held) & 0xff);
    }
  }
  return Uint8Array.from(bytes);
}
