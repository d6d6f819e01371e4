import { kindNames, kindOf } from '../../events/catalogue.js';
import { kindSchema } from '../../tell/json-schema.js';
import { table } from '../../tell/table.js';
import { print, printJson } from '../io.js';
import type { RunVerb } from '../verb.js';

export const run: RunVerb = (_args, options) => {
  if (options['json'] === true) {
    printJson({
      schema: 'events/1',
      kinds: kindNames.map((name) => {
        const { role, doc, fields, told, reads } = kindOf(name);
        return {
          kind: name,
          role,
          doc,
          told,
          reads,
          fields: Object.entries(fields).map(([field, { type, nullable, given, doc: text }]) => ({
            name: field,
            type,
            nullable,
            given: given === true,
            doc: text,
          })),
          jsonSchema: kindSchema(name),
        };
      }),
    });
    return 0;
  }
  print(
    table([
      ['kind', 'role', 'told by', 'fields', ''],
      ...kindNames.map((name) => {
        const { role, doc, fields, told } = kindOf(name);
        return [name, role, told.join(','), Object.keys(fields).join(' '), doc];
      }),
    ]),
  );
  return 0;
};
