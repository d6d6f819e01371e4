import { release } from '../../src/base/release.js';
import type { Verb } from '../../src/cli/verb.js';
import { verbs } from '../../src/cli/verbs.js';

/** docs/xpr.1: the manual page, every verb as its help has it. */
export function manPage(): string {
  return [
    `.\\" Written by npx vitest run test/cli/documented -u from src/cli/verbs.ts.`,
    `.TH XPR 1 "" "xen-pci-replay ${release}" "User Commands"`,
    '.SH NAME',
    'xpr \\- record, replay and diff what Xen, Dom0, device models and guests do to PCI',
    '.SH SYNOPSIS',
    '.B xpr',
    '.RI [ options ]',
    '.I verb',
    '.RI [ arguments ]',
    '.SH DESCRIPTION',
    text(
      'A trace is a log of every hypercall, configuration access, device-model request and interrupt message. Where a trace or a file is read, - is standard input. Data goes to standard output, talk to standard error.',
    ),
    '.PP',
    text(
      'A position is a number, @12.5ms, first, last or a finding as SEG-001#2; A..B is a range, A.. and ..B are open ones.',
    ),
    '.SH VERBS',
    ...verbs.flatMap(section),
    '.SH EXIT STATUS',
    text(
      'As diff(1): 0 the same or nothing wrong, 1 a difference, finding or damage, 2 trouble. What a verb does otherwise stands with it.',
    ),
    '.SH ENVIRONMENT',
    '.TP',
    '.B NO_COLOR',
    text('When set and not empty, nothing is coloured.'),
    '',
  ].join('\n');
}

const section = ({ usage, summary, options, example, exits }: Verb): string[] => [
  `.SS "xpr ${escaped(usage)}"`,
  text(`${summary}.`),
  ...options.flatMap(([flags, doc, many]) => [
    '.TP',
    `.B ${escaped(flags)}`,
    text(many === 'list' && !doc.includes('repeated') ? `${doc}; may be repeated` : doc),
  ]),
  ...(exits === undefined ? [] : ['.PP', text(`Exit: ${exits}`)]),
  '.PP',
  '.EX',
  text(example),
  '.EE',
];

const escaped = (line: string): string =>
  line.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll("'", '\\(aq');

/** A line of text; a dot or quote at its start would be a request. */
const text = (line: string): string => {
  const safe = escaped(line);
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
};
