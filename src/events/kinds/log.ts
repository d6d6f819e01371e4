import { choice, count, domid, orNull, record, text } from '../field.js';
import { input } from '../kind.js';

export const logKinds = {
  'log.printed': input(
    'A log holds a message that the catalogue of messages knows. What the program did when it printed it has events of its own where they were recorded.',
    {
      message: text('its name in the catalogue'),
      speaker: choice(['xen', 'linux', 'libxl', 'qemu', 'hvmloader', 'libvirt'], 'who prints it'),
      severity: choice(['fatal', 'error', 'warning', 'note'], 'how bad it is by itself'),
      device: text(
        'the device it is about, ssss:bb:dd.f in the numbering of who prints it; empty where it names none',
      ),
      domid: orNull(domid('domain on whose console it stands')),
      boot: count('which boot of the file it is of, from 1'),
      fields: record('what stood in its blanks'),
      text: text('the line without what consoles and mailers put around it'),
      file: text('the file it stands in'),
      line: count('its line there, from 1'),
    },
    {
      told: 'inside',
      reads: '{speaker} {severity}: {text} ({file}:{line})',
      decidedBy: 'a record only: the catalogue of messages, src/messages',
    },
  ),
  'log.typed': input(
    'Somebody typed a command, as a transcript shows.',
    {
      command: text('the command'),
      file: text('the file it stands in'),
      line: count('its line there, from 1'),
    },
    {
      told: 'inside',
      reads: 'typed: {command} ({file}:{line})',
      decidedBy: 'a record only: what a transcript shows',
    },
  ),
};
