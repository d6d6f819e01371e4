import type { FieldType } from '../events/field.js';

/** Value that a field added later has in older files. */
export type OldValue = number | string | boolean | null;

/**
 * One change of the event schema, as data: what to do with a table of that kind from a file written before it.
 * A nullable field added later needs no entry: it is null in older files.
 */
export interface Upcaster {
  /** The kind as older files name it. */
  readonly kind: string;
  /** Its name since. */
  readonly renamedTo?: string;
  /** Fields that got another name, old to new. */
  readonly renamedFields?: Readonly<Record<string, string>>;
  /** Fields that came in and cannot be null: the value older events have. */
  readonly addedFields?: Readonly<
    Record<string, { readonly type: FieldType['is']; readonly value: OldValue }>
  >;
  /** Fields that went. */
  readonly droppedFields?: readonly string[];
}

/**
 * Every schema change in order, oldest first; only ever appended to. A file stores how many of them its writer knew
 * (its schema version), and a reader applies the rest.
 */
export const upcasters: readonly Upcaster[] = [];

/** A table of one kind on its way from a file's schema to ours. */
export interface FileTable {
  kind: string;
  readonly fields: Map<string, { readonly type: string; readonly column: unknown }>;
}

/** Column marker for a constant that stands in no file. */
export class ConstantColumn {
  readonly value: OldValue;
  constructor(value: OldValue) {
    this.value = value;
  }
}

/** Applies to `table` every change that its file's schema version did not know. */
export function upcast(table: FileTable, schema: number, list: readonly Upcaster[] = upcasters): void {
  for (const step of list.slice(schema)) {
    if (step.kind !== table.kind) continue;
    if (step.renamedTo !== undefined) table.kind = step.renamedTo;
    for (const name of step.droppedFields ?? []) table.fields.delete(name);
    for (const [old, name] of Object.entries(step.renamedFields ?? {})) {
      const field = table.fields.get(old);
      if (field === undefined) continue;
      table.fields.delete(old);
      table.fields.set(name, field);
    }
    for (const [name, { type, value }] of Object.entries(step.addedFields ?? {})) {
      if (!table.fields.has(name)) table.fields.set(name, { type, column: new ConstantColumn(value) });
    }
  }
}

/** What a kind of a file with schema version `schema` is called now. */
export function kindSince(kind: string, schema: number, list: readonly Upcaster[] = upcasters): string {
  let name = kind;
  for (const step of list.slice(schema)) if (step.kind === name) name = step.renamedTo ?? name;
  return name;
}
