import { type Dictionary, emptyDictionary, forget, keep, valueAt } from '../base/dictionary.js';
import { limits } from '../base/limits.js';
import type { Slice } from './slice.js';

export interface XenstoreNode {
  value: string;
  /** Owner first, as `n0 r1`. */
  perms: string;
  /** Names of children, oldest first. */
  children: string[];
  /** Changes with every write to the node or its list of children. */
  generation: number;
}

export interface XenstoreTransaction {
  /** What the transaction sees differently: its own nodes, null for removed ones. */
  nodes: Record<string, XenstoreNode | null>;
  /** Generation of each node it looked at, -1 for absent ones: another value at the end is a conflict. */
  seen: Record<string, number>;
  /** Paths it accessed, first access first: the order of watch events when it ends. */
  accessed: string[];
  /** What fires: `below` also reaches watches on parents, `exact` only those on the very path. */
  fires: Record<string, 'below' | 'exact'>;
}

export interface XenstoreWatch {
  conn: string;
  path: string;
  token: string;
  relative: boolean;
}

export interface XenstoreConnection {
  domid: number;
  /** Open transactions by id. */
  transactions: Record<number, XenstoreTransaction>;
  nextTransaction: number;
}

export interface XenstoreState {
  /** By absolute path; the root is `/`. */
  nodes: Record<string, XenstoreNode>;
  generation: number;
  /** By name; importers take the names from the log they read. */
  connections: Dictionary<XenstoreConnection>;
  /** Oldest first: the order of events for one change. */
  watches: XenstoreWatch[];
  introduced: Record<number, true>;
}

/** The nodes as one transaction, or everybody, sees them. */
export interface XenstoreView {
  readonly base: Readonly<Record<string, XenstoreNode>>;
  readonly own: Readonly<Record<string, XenstoreNode | null>> | null;
}

export function nodeIn(view: XenstoreView, path: string): XenstoreNode | undefined {
  const own = view.own?.[path];
  if (own === null) return undefined;
  return own ?? view.base[path];
}

/** The node above: `/` for what has none, so that going up always ends. */
export const parentOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 0)) || '/';
/**
 * Whether a node can have this path. Everything that `nodes` is asked for begins with a slash, which no name that
 * objects inherit does. @source xen tools/xenstore/xenstored_core.c, is_valid_nodename
 */
export const isNodePath = (path: string): boolean =>
  path.startsWith('/') && path.length <= limits.xenstorePathBytes;
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
export const childPath = (path: string, name: string): string =>
  path === '/' ? `/${name}` : `${path}/${name}`;

function freshConnection(domid: number): XenstoreConnection {
  return { domid, transactions: {}, nextTransaction: 1 };
}

/** XenStore connection of one running toolstack command. */
export const toolstackConnection = (job: number): string => `xl${job}`;

const emptyTransaction = (): XenstoreTransaction => ({ nodes: {}, seen: {}, accessed: [], fires: {} });

/** xenstored makes these itself when it starts. */
const firstNodes = (): XenstoreState['nodes'] => ({
  '/': { value: '', perms: 'n0', children: ['tool'], generation: 0 },
  '/tool': { value: '', perms: 'n0', children: ['xenstored'], generation: 0 },
  '/tool/xenstored': { value: '', perms: 'n0', children: [], generation: 0 },
});

export const xenstoreSlice: Slice<XenstoreState> = {
  initial: () => ({
    nodes: firstNodes(),
    generation: 0,
    connections: emptyDictionary(),
    watches: [],
    introduced: {},
  }),
  on: {
    'xenstore.connected': (store, { data }) => {
      keep(store.connections, data.conn, freshConnection(data.domid));
    },
    'xenstore.disconnected': (store, { data }) => {
      forget(store.connections, data.conn);
      store.watches = store.watches.filter((watch) => watch.conn !== data.conn);
    },
    'xenstore.answered': (store, { data }) => {
      if (data.op === 'TRANSACTION_START') {
        const connection = valueAt(store.connections, data.conn);
        if (connection === undefined || data.error !== null) return;
        const id = Number(data.reply);
        if (!Number.isSafeInteger(id)) return;
        connection.transactions[id] = emptyTransaction();
        connection.nextTransaction = id + 1;
      } else if (data.op === 'INTRODUCE' && data.error === null) {
        if (Number.isSafeInteger(Number(data.path))) store.introduced[Number(data.path)] = true;
      } else if (data.op === 'RELEASE' && data.error === null) {
        delete store.introduced[Number(data.path)];
      } else if (data.op === 'RESET_WATCHES') {
        store.watches = store.watches.filter((watch) => watch.conn !== data.conn);
      } else if (data.tx !== 0) {
        const transaction = valueAt(store.connections, data.conn)?.transactions[data.tx];
        if (transaction !== undefined) access(store, transaction, data.path);
      }
    },
    'xenstore.changed': (store, { data }) => {
      const transaction = data.tx === 0 ? null : valueAt(store.connections, data.conn)?.transactions[data.tx];
      if (transaction === undefined || !isNodePath(data.path)) return;
      if (data.value === null) remove(store, transaction, data.path);
      else write(store, transaction, data.path, data.value, data.perms);
    },
    'xenstore.committed': (store, { data }) => {
      const connection = valueAt(store.connections, data.conn);
      const transaction = connection?.transactions[data.tx];
      if (connection === undefined || transaction === undefined) return;
      for (const [path, node] of Object.entries(transaction.nodes)) {
        if (node === null) delete store.nodes[path];
        else store.nodes[path] = { ...node, generation: ++store.generation };
      }
      delete connection.transactions[data.tx];
    },
    'xenstore.dropped': (store, { data }) => {
      delete valueAt(store.connections, data.conn)?.transactions[data.tx];
    },
    'xenstore.watched': (store, { data }) => {
      store.watches.push({
        conn: data.conn,
        path: data.path,
        token: data.token,
        relative: data.relative === 'yes',
      });
    },
    'xenstore.unwatched': (store, { data }) => {
      const at = store.watches.findIndex(
        (watch) => watch.conn === data.conn && watch.path === data.path && watch.token === data.token,
      );
      if (at >= 0) store.watches.splice(at, 1);
    },
    // A kernel has one connection; a running xl has another.
    'domain.created': (store, { data }) => {
      keep(store.connections, `k${data.domid}`, freshConnection(data.domid));
    },
    'domain.built': (store, { data }) => {
      keep(store.connections, `k${data.domid}`, freshConnection(data.domid));
    },
    'owner.went': (store, { data }) => {
      forget(store.connections, `k${data.domid}`);
      store.watches = store.watches.filter((watch) => watch.conn !== `k${data.domid}`);
    },
    'store.emptied': (store) => {
      store.nodes = firstNodes();
      store.watches = [];
    },
    'domain.destroyed': (store, { data }) => {
      delete store.introduced[data.domid];
      forget(store.connections, `k${data.domid}`);
      store.watches = store.watches.filter((watch) => watch.conn !== `k${data.domid}`);
    },
    'toolstack.requested': (store, { data }) => {
      keep(store.connections, toolstackConnection(data.job), freshConnection(0));
    },
    'toolstack.finished': (store, { data }) => {
      forget(store.connections, toolstackConnection(data.job));
    },
    'toolstack.killed': (store, { data }) => {
      forget(store.connections, toolstackConnection(data.job));
    },
  },
};

/** Notes the first look of a transaction at a node. */
function access(store: XenstoreState, transaction: XenstoreTransaction, path: string): void {
  if (transaction.seen[path] !== undefined || !isNodePath(path)) return;
  transaction.seen[path] = store.nodes[path]?.generation ?? -1;
  transaction.accessed.push(path);
}

/** The node for writing: the transaction's copy, or the node itself outside of one. */
function writable(
  store: XenstoreState,
  transaction: XenstoreTransaction | null,
  path: string,
): XenstoreNode | undefined {
  if (transaction === null) return store.nodes[path];
  const node = nodeIn({ base: store.nodes, own: transaction.nodes }, path);
  if (node === undefined) return undefined;
  access(store, transaction, path);
  const copy = transaction.nodes[path] ?? { ...node, children: [...node.children] };
  transaction.nodes[path] = copy;
  return copy;
}

function write(
  store: XenstoreState,
  transaction: XenstoreTransaction | null,
  path: string,
  value: string,
  perms: string,
): void {
  const node = writable(store, transaction, path);
  if (node !== undefined) {
    node.value = value;
    node.perms = perms;
    node.generation = ++store.generation;
  } else {
    if (transaction !== null) access(store, transaction, path);
    const parent = parentOf(path);
    if (path !== '/' && writable(store, transaction, parent) === undefined) {
      write(store, transaction, parent, '', perms);
      if (transaction !== null) delete transaction.fires[parent];
    }
    const created = { value, perms, children: [], generation: ++store.generation };
    if (transaction === null) store.nodes[path] = created;
    else transaction.nodes[path] = created;
    const above = path === '/' ? undefined : writable(store, transaction, parent);
    if (above !== undefined) {
      above.children.push(nameOf(path));
      above.generation = ++store.generation;
    }
  }
  if (transaction !== null) transaction.fires[path] = 'below';
}

function remove(store: XenstoreState, transaction: XenstoreTransaction | null, path: string): void {
  if (transaction !== null) access(store, transaction, path);
  const parent = writable(store, transaction, parentOf(path));
  if (parent !== undefined) {
    parent.children = parent.children.filter((name) => name !== nameOf(path));
    parent.generation = ++store.generation;
  }
  dropNode(store, transaction, path, 'below');
}

function dropNode(
  store: XenstoreState,
  transaction: XenstoreTransaction | null,
  path: string,
  fires: 'below' | 'exact',
): void {
  const node =
    transaction === null ? store.nodes[path] : nodeIn({ base: store.nodes, own: transaction.nodes }, path);
  if (node === undefined) return;
  if (transaction === null) delete store.nodes[path];
  else {
    access(store, transaction, path);
    transaction.nodes[path] = null;
    transaction.fires[path] = fires;
  }
  for (const name of node.children) dropNode(store, transaction, childPath(path, name), 'exact');
}
