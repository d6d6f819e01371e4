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
        const { role, doc, fields } = kindOf(name);
        return {
          kind: name,
          role,
          doc,
          fields: Object.entries(fields).map(([field, { type, nullable, doc: text }]) => ({
            name: field,
            type,
            nullable,
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
      ['kind', 'role', 'fields', ''],
      ...kindNames.map((name) => {
        const { role, doc, fields } = kindOf(name);
        return [name, role, Object.keys(fields).join(' '), doc];
      }),
    ]),
  );
  return 0;
};
