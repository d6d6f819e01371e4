import { describe, expect, it } from 'vitest';
import { spoken } from '../../src/importers/paste/prefix.js';
import { readPaste } from '../../src/importers/paste/read.js';
import { messageIndex, messages } from '../../src/messages/catalogue.js';
import type { FieldType } from '../../src/messages/field.js';
import type { Message } from '../../src/messages/message.js';
import { fillTemplate, template } from '../../src/messages/template.js';
import { rules } from '../../src/rules/index.js';
import { scenarios } from '../../src/scenarios/index.js';

const index = messageIndex();

/** A value for every blank; two, so that nothing hangs on one number. */
const samples: Readonly<Record<FieldType, readonly [string, string]>> = {
  device: ['0000:05:00.0', '000c:84:1f.7'],
  errno: ['-16', '22'],
  domid: ['7', '32752'],
  dec: ['42', '3'],
  hex: ['0xbdf80000', '80'],
  word: ['one', 'x86/7'],
  text: ['some words', 'Operation not permitted'],
};

const all: [id: string, message: Message, text: string][] = Object.entries(messages).flatMap(
  ([id, message]: [string, Message]) =>
    message.texts.flatMap((wording) => {
      const text = typeof wording === 'string' ? wording : wording.text;
      const { blanks } = template(text);
      return ([0, 1] as const).map((which): [string, Message, string] => {
        const values = Object.fromEntries(blanks.map(({ name, type }) => [name, samples[type][which]]));
        const line = fillTemplate(text, values);
        return [id, message, message.ofDevice === true ? `driver 0000:05:00.0: ${line}` : line];
      });
    }),
);

/** Words at most so far on a line, as mailers break them. */
function wrapped(text: string, width: number): string {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.join('\n');
}

/** Lines of 60 as RFC 2045 wants them; no break inside of an escape. */
const quotedPrintable = (text: string): string =>
  (text.replaceAll('=', '=3D').match(/(?:=3D|[^=]){1,60}/g) ?? []).join('=\n');

/** How a line of a log looks in a report. */
const disguises: readonly [name: string, dress: (line: string) => string][] = [
  ['bare', (line) => line],
  ['in a journal', (line) => `Jul  2 00:36:54 host kernel: [ 1.648270] ${line}`],
  ['on a console with dates', (line) => `[2020-08-22 10:09:03] (XEN) [  297.542134] ${line}`],
  ['quoted twice', (line) => `>> ${line}`],
  ['broken by a mailer', (line) => wrapped(`Jul  2 00:36:54 some-host kernel: [ 1.648270] ${line}`, 72)],
  ['broken and quoted', (line) => wrapped(`(XEN) [  297.542134] ${line}`, 70).replace(/^/gm, '> ')],
  ['in colour', (line) => `\u001b[1m[    1.648270]\u001b[0m ${line}`],
  ['with other blanks', (line) => `(XEN) ${line.replaceAll(' ', '\u00a0')}`],
  ['with a pointer behind', (line) => `(XEN) ${line} <===== here!!!`],
  ['in the source of a mail', (line) => quotedPrintable(`(XEN) ${line}`)],
];

function found(pasted: string): readonly string[] {
  return readPaste(pasted, (text) => index.score(text))
    .flatMap(({ lines }) => lines)
    .map(({ text }) => index.find(spoken(text).text)?.id)
    .filter((id) => id !== undefined);
}

describe('the catalogue of messages', () => {
  it.each(disguises)('finds every message %s', (_name, dress) => {
    const wrong = all
      .map(([id, , line]) => ({ id, line, found: found(dress(line)) }))
      .filter(({ id, found: ids }) => ids.length !== 1 || ids[0] !== id);
    expect(wrong).toEqual([]);
  });

  it('names rules and scenarios that exist', () => {
    const codes = new Set<string>(rules.map(({ code }) => code));
    const names = new Set(scenarios.map(({ name }) => name));
    const unknown = Object.entries(messages).flatMap(([id, message]: [string, Message]) => [
      ...(message.rules ?? []).filter((rule) => !codes.has(rule)).map((rule) => `${id}: ${rule}`),
      ...(message.scenarios ?? []).filter((name) => !names.has(name)).map((name) => `${id}: ${name}`),
    ]);
    expect(unknown).toEqual([]);
  });

  it('says of every message that is no note what it means, and where it comes from', () => {
    const sourced = /^(?:(?:xen|linux|qemu|libvirt): [\w/.+-]+, .+|xen-devel: .+)/;
    expect(
      Object.entries(messages)
        .filter(([, { meaning, source }]) => meaning.length < 15 || !sourced.test(source))
        .map(([id]) => id),
    ).toEqual([]);
  });

  it.each([
    ['systemd[1]: Started Daily apt download activities.'],
    ['audit: type=1400 audit(1.2:3): apparmor="DENIED" operation="open"'],
    ['usb 1-1: new high-speed USB device number 2 using xhci_hcd'],
    ['EXT4-fs (sda1): mounted filesystem with ordered data mode'],
    ['the quick brown fox jumps over the lazy dog'],
    [''],
  ])('takes no notice of "%s"', (line) => {
    expect(index.alike(line)).toEqual([]);
  });

  it('reads what stands in the blanks', () => {
    const fields = index.find('xhci_hcd 0000:00:14.0: xen map irq failed -19 for 32752 domain')?.fields;
    expect(Object.fromEntries([...(fields ?? [])].map(([name, { value }]) => [name, value]))).toEqual({
      driver: 'xhci_hcd',
      device: '0000:00:14.0',
      errno: -19,
      domid: 32752,
    });
  });
});
