import { choice, functionField, orNull, record, text } from '../field.js';
import { input } from '../kind.js';

export const machineKinds = {
  'machine.told': input(
    'A recording told something about the machine it is of, after the trace had begun; what is known before stands in its header.',
    {
      what: choice(
        [
          'arch',
          'command-line',
          'domain',
          'function',
          'guest',
          'interrupt',
          'name',
          'owner',
          'platform',
          'region',
          'release',
          'tables',
          'window',
        ],
        'what it is about',
      ),
      of: text('the program or device it is about; empty where there is none'),
      function: orNull(functionField('the function that was found')),
      text: text('as it was told: a release, a command line, a name'),
      details: record('what is more than a text: registers that were read, by offset, or fields of a table'),
    },
    {
      told: 'inside',
      reads: 'of the machine: {what} {of} {text}',
      decidedBy: 'state only: told by whoever recorded, docs/write-an-importer.md',
    },
  ),
};
