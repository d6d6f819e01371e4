import type { Verb } from '../../src/cli/verb.js';
import { verbs } from '../../src/cli/verbs.js';
import { markdownTable } from './markdown-table.js';

/** docs/cli.md: what holds for all verbs, then every verb as its help has it. */
export function cliPage(): string {
  return `${conventions}\n${verbs.map(section).join('\n')}`;
}

const conventions = `# The command line

<!-- Written by \`npx vitest run test/cli/documented -u\` from src/cli/verbs.ts; edit the prose in test/cli/cli-page.ts. -->

After \`npm ci\` the command is \`npx xpr\`; \`node dist/src/cli/main.js\` is the same without npx. \`xpr --help\` lists the verbs, \`xpr VERB --help\`
their flags with an example.

## What holds for every verb

- **Data goes to standard output, talk to standard error.** \`--quiet\` silences the talk; errors are told anyway. A closed pipe
  (\`xpr show T.xpr | head\`) ends a command quietly with 0.
- **\`--json\`** prints one JSON document with a \`schema\` field (\`show\`: one object a line). Sequence numbers, sizes, counts, offsets and errnos
  are numbers; addresses, register values and data are texts \`"0x…"\`; a name of a device is \`"ssss:bb:dd.f"\`, the device itself
  \`"0x<cfgBase>/bb:dd.f"\`; what is missing is \`null\`.
- **\`-\`** is standard input where a trace or file is read, and standard output where one is written.
- **An output never destroys.** One that is also an input, by whatever name, is refused, and so are two outputs that are one file. A file
  that holds something else than the verb writes, or is write-protected, is replaced with \`--force\` only. A file appears under its name when it
  is whole and on the disk; until then it is \`FILE.part\`, which errors and Ctrl-C take away. A link stays and what it leads to is
  written; devices and named pipes are written through. A trace does not go to a terminal.
- **Text of others stays text.** What a terminal would obey in traces, logs and names of files is shown escaped (\`\\u001b\`), in a form that
  JSON reads back; a command to be run is quoted for the shell, and a file \`-x.xpr\` is \`./-x.xpr\` there.
- **Exit codes** are those of diff(1): 0 the same or nothing wrong, 1 a difference, finding or damage, 2 trouble. \`--bisect\` turns them
  into those of \`git bisect run\`: 0 good, 1 bad, 125 this commit cannot be judged (a trace cannot be read), 128 the call itself is wrong.
- **An error** is one line \`xpr: CODE: message (file:place)\` and a hint, or with \`--json\` a document of schema \`error/1\`;
  [errors.md](errors.md) has every code.
- **When something is found**, the last line on standard error is the next command to run.
- **A verb that takes longer than a second** shows events, events/s, percent and time left, on a terminal only. Colour too is for terminals
  and obeys \`NO_COLOR\`.
- **A position** is a sequence number \`18\` or \`#18\`, a time \`@12.5ms\`, \`first\`, \`last\`, or a finding \`SEG-001#2\`. Two of them are a range \`18..25\`,
  both ends included; an end left out is the trace's (\`18..\`, \`..@3us\`).
- **A filter** (\`--where\`) is an expression over the fields of an event as \`show --json\` prints it:
  \`kind == config.completed && (value >= 0x10 || !function)\`. \`==\` and \`!=\` compare numbers whatever their base, \`~\` asks whether a text is
  contained, a bare field whether it is there and not 0, false or empty.
`;

function section({ usage, summary, options, example, exits }: Verb): string {
  const flags = options.map(([flag, text, list]) => [
    `\`${flag}\``,
    list === 'list' && !text.includes('repeated') ? `${text}; may be repeated` : text,
  ]);
  return [
    `## xpr ${usage.split(' ')[0]}`,
    '',
    `\`xpr ${usage}\`: ${summary}.${exits === undefined ? '' : ` Exit: ${exits}`}`,
    '',
    ...markdownTable([['flag', 'meaning'], ...flags]),
    '',
    '```sh',
    example,
    '```',
    '',
  ].join('\n');
}
