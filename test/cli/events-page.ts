import { kindNames, kindOf } from '../../src/events/catalogue.js';
import type { FieldType } from '../../src/events/field.js';
import { markdownTable } from './markdown-table.js';

/** docs/events.md: every kind with its fields, from the catalogue. */
export function eventsPage(): string {
  const families = [...new Set(kindNames.map((name) => name.split('.')[0]!))].sort();
  return `${introduction}\n${families.map(section).join('\n')}`;
}

const introduction = `# Events

<!-- Written by \`npx vitest run test/cli/documented -u\` from src/events/catalogue.ts. -->

Every event has a place \`seq\`, a time \`atNs\`, a \`kind\`, an \`origin\` (\`observed\` on a real machine, \`simulated\` by the models, \`inferred\` by an
importer), an actor \`by\` and, where it follows from another one, a \`cause\`. An **input** is what the modelled world could not know in
advance; an **outcome** follows from the state and an input. \`data\` has the fields below. \`xpr events --json\` has the same with a JSON schema
for each kind.

Each kind says who can tell that it happened: the **hardware** (devices, buses, IOMMUs), a **guest**, the **toolstack** and the kernel of the
hardware domain, or only Xen and device models **inside**; \`diff --level hardware\` and \`--level guest\` compare by that. It also says how it
reads in one line, where \`{field}\` is the field's value, \`{flag?yes:no}\` one of two texts, and what stands in brackets is left out when a
field in it is null.
`;

function section(family: string): string {
  const names = kindNames.filter((name) => name.split('.')[0] === family).sort();
  return [`## ${family}`, '', ...names.flatMap(kind)].join('\n');
}

function kind(name: (typeof kindNames)[number]): string[] {
  const { role, doc, fields, told, reads } = kindOf(name);
  const rows = Object.entries(fields).map(([field, { type, nullable, doc: text }]) => [
    `\`${field}\``,
    `${typeText(type)}${nullable ? ' or null' : ''}`,
    text,
  ]);
  const table = rows.length === 0 ? ['No fields.'] : markdownTable([['field', 'type', 'meaning'], ...rows]);
  return [
    `### ${name}`,
    '',
    `${role === 'input' ? 'Input' : 'Outcome'}. ${doc}`,
    '',
    `Told by ${told.join(', ')}. In words: \`${reads}\``,
    '',
    ...table,
    '',
  ];
}

const owners = {
  xen: "Xen's",
  dom0: "Dom0's",
  guest: "the guest's",
  caller: "the caller's",
  by: "that party's",
} as const;

function typeText(type: FieldType): string {
  switch (type.is) {
    case 'uint':
      if (type.of?.is === 'segment') return `segment in ${owners[type.of.numbering]} numbering`;
      return type.print === 'hex' ? `hex, ${type.bits} bits` : `number, ${type.bits} bits`;
    case 'int':
      return 'number, signed';
    case 'flag':
      return 'true or false';
    case 'choice':
      return type.values.map((value) => `\`${value}\``).join(', ');
    case 'text':
      return type.names === undefined ? 'text' : `text with names in ${owners[type.names]} numbering`;
    case 'sbdf':
      return `name in ${owners[type.numbering]} numbering`;
    case 'function':
      return 'function';
    case 'record':
      return 'record';
  }
}
