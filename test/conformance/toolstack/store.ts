import type { DomainId } from '../../../src/base/brand.js';
import type { XenstoreRecord } from '../../../src/importers/xenstored/record.js';
import { Engine } from '../../../src/models/engine.js';
import { emptyPlatform } from '../../../src/platform/platform.js';
import { defaultPolicies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { statedXen } from '../../../src/policy/releases.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import { readXenstoredLog } from '../../importers/xenstored-log.js';
import { type Row, RowBuilder } from '../row.js';

/** What the model put into a connection's queue. */
interface Expected {
  readonly text: string;
  readonly of: string;
}

/**
 * Feeds every request of the log to the XenStore model and holds each reply and each watch event, per connection and
 * in order, against what xenstored sent.
 */
export function storeRow(set: string, file: string, text: string, release: string | null = null): Row {
  const row = new RowBuilder(set, file);
  const log = readXenstoredLog(text);
  const engine = new Engine({
    platform: emptyPlatform,
    policies: defaultPolicies,
    switches: { ...defaultSwitches, xen: statedXen(release) ?? '4.17' },
    behaviour: currentBehaviour,
  });
  const queues = new Map<string, Expected[]>();
  const take = (events: ReturnType<Engine['step']>, of: string): void => {
    for (const event of events) {
      if (event.kind === 'xenstore.answered') {
        const { conn, error, reply } = event.data;
        push(queues, conn, { text: error === null ? `${event.data.op} ${reply}` : `ERROR ${error}`, of });
      } else if (event.kind === 'xenstore.fired') {
        push(queues, event.data.conn, { text: `WATCH_EVENT ${event.data.path} ${event.data.token}`, of });
      }
    }
  };
  const owners = new Map<string, number>();
  for (const record of log.records) {
    switch (record.is) {
      case 'connect':
        queues.set(record.conn, []);
        owners.set(record.conn, record.domid);
        engine.step({
          kind: 'xenstore.connected',
          by: 'toolstack',
          data: { conn: record.conn, domid: record.domid as DomainId },
        });
        break;
      case 'disconnect':
        queues.delete(record.conn);
        engine.step({ kind: 'xenstore.disconnected', by: 'toolstack', data: { conn: record.conn } });
        break;
      case 'request': {
        const { conn, op, path, value, tx } = record;
        take(
          engine.step({ kind: 'xenstore.requested', by: 'toolstack', data: { conn, op, path, value, tx } }),
          describe(record),
        );
        break;
      }
      case 'dropped': {
        // When an event is sent is a matter of time; the log says which one found its like still waiting.
        const text = `WATCH_EVENT ${record.path} ${record.token}`;
        for (const [conn, queue] of queues) {
          const own = queue.filter((one) => one.text === text);
          if (owners.get(conn) !== record.domid || own.length < 2) continue;
          queue.splice(
            queue.findLastIndex((one) => one.text === text),
            1,
          );
          break;
        }
        break;
      }
      case 'reply':
      case 'event': {
        const sent =
          record.is === 'event'
            ? `WATCH_EVENT ${record.path} ${record.token}`
            : record.error === null
              ? `${record.op} ${record.data}`
              : `ERROR ${record.error}`;
        if (
          record.is === 'event' &&
          record.path === '@releaseDomain' &&
          queues.get(record.conn)?.[0]?.text !== sent
        ) {
          // Xen told xenstored directly; the log shows only whom it told.
          take(
            engine.step({ kind: 'xenstore.announced', by: 'xen', data: { path: record.path } }),
            'the end of a domain',
          );
        }
        const next = queues.get(record.conn)?.shift();
        row.check(next?.text === sent, () => ({
          at: `line ${record.line}`,
          input: next?.of ?? 'nothing the model knows of',
          expected: `${record.conn} ${sent}`,
          actual: next === undefined ? 'nothing' : `${record.conn} ${next.text}`,
        }));
        break;
      }
    }
  }
  if (log.skipped.length > 0) row.unmodelled('line of a form unknown to the importer', log.skipped.length);
  return row.row();
}

function push(queues: Map<string, Expected[]>, conn: string, one: Expected): void {
  const queue = queues.get(conn);
  if (queue !== undefined) queue.push(one);
}

const describe = (record: Extract<XenstoreRecord, { is: 'request' }>): string =>
  `line ${record.line}: ${record.conn} ${record.op} ${record.path}${record.value === null ? '' : ` ${record.value}`}${record.tx === 0 ? '' : ` in transaction ${record.tx}`}`;
