import type { XenstoreRecord } from '../../../src/importers/xenstored/record.js';

const changes: ReadonlySet<string> = new Set(['WRITE', 'RM', 'MKDIR', 'SET_PERMS']);

/** Changes of transactions that xenstored refused to commit: their party made them again in another one. */
export function abortedChanges(records: readonly XenstoreRecord[]): ReadonlySet<XenstoreRecord> {
  const aborted = new Set<XenstoreRecord>();
  const members = new Map<string, XenstoreRecord[]>();
  /** Transaction each connection waits to see ended. */
  const ending = new Map<string, string>();
  for (const record of records) {
    if (record.is === 'request' && record.tx !== 0) {
      const id = `${record.conn} ${record.tx}`;
      if (record.op === 'TRANSACTION_END') ending.set(record.conn, id);
      else if (changes.has(record.op)) members.set(id, [...(members.get(id) ?? []), record]);
    } else if (record.is === 'reply' && ending.has(record.conn)) {
      const id = ending.get(record.conn)!;
      if (record.op !== 'TRANSACTION_END' && record.error === null) continue;
      ending.delete(record.conn);
      if (record.error === 'EAGAIN') for (const member of members.get(id) ?? []) aborted.add(member);
      members.delete(id);
    }
  }
  return aborted;
}
