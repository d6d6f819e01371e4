import { catalogue, type KindName, kindNames } from '../events/catalogue.js';
import type { Field, FieldType } from '../events/field.js';
import type { Json } from './present.js';

type Schema = { readonly [name: string]: Json };

const hexPattern = '^0x[0-9a-f]+$';

/** JSON Schema (2020-12) of the event lines that `show --json` and the ndjson export write: one case per kind. */
export function eventSchema(): Schema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'xpr event',
    oneOf: kindNames.map((kind) => ({ $ref: `#/$defs/${kind}` })),
    $defs: Object.fromEntries(kindNames.map((kind) => [kind, kindSchema(kind)])),
  };
}

/** Schema of one kind's lines. */
export function kindSchema(kind: KindName): Schema {
  const { role, doc, fields }: { role: string; doc: string; fields: Readonly<Record<string, Field>> } =
    catalogue[kind];
  return {
    description: doc,
    type: 'object',
    properties: {
      seq: { type: 'integer', minimum: 0, description: 'position in the log' },
      atNs: { type: 'integer', minimum: 0, description: 'nanoseconds since the start of the trace' },
      kind: { const: kind },
      role: { const: role },
      origin: { enum: ['observed', 'simulated', 'inferred'] },
      by: { type: 'string', description: 'who did it' },
      cause: { type: ['integer', 'null'], minimum: 0, description: 'the event it follows from' },
      data: {
        type: 'object',
        properties: Object.fromEntries(
          Object.entries(fields).map(([name, field]) => [name, fieldSchema(field)]),
        ),
        required: Object.keys(fields),
        additionalProperties: false,
      },
    },
    required: ['seq', 'atNs', 'kind', 'role', 'origin', 'by', 'cause', 'data'],
    additionalProperties: false,
  };
}

function fieldSchema(field: Field): Schema {
  const schema = typeSchema(field.type);
  const described = field.doc === '' ? schema : { ...schema, description: field.doc };
  if (!field.nullable) return described;
  if (Array.isArray(described['enum']))
    return { ...described, enum: [...(described['enum'] as Json[]), null] };
  return { ...described, type: [described['type'] as string, 'null'] };
}

function typeSchema(type: FieldType): Schema {
  switch (type.is) {
    case 'uint':
      return type.print === 'hex'
        ? { type: 'string', pattern: hexPattern }
        : { type: 'integer', minimum: 0, maximum: 2 ** type.bits - 1 };
    case 'int':
      return { type: 'integer' };
    case 'flag':
      return { type: 'boolean' };
    case 'choice':
      return { enum: [...type.values] };
    case 'text':
      return { type: 'string' };
    case 'sbdf':
      return { type: 'string', pattern: '^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]$' };
    case 'function':
      return { type: 'string', pattern: '^(0x[0-9a-f]+|\\?[0-9]+)/[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]$' };
    case 'record':
      return { type: 'object' };
  }
}
