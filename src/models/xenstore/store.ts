import { valueAt } from '../../base/dictionary.js';
import type { Actor } from '../../events/catalogue.js';
import type { XenstoreOp } from '../../events/kinds/xenbus.js';
import { has } from '../../policy/has.js';
import {
  childPath,
  isNodePath,
  nodeIn,
  parentOf,
  type XenstoreNode,
  type XenstoreTransaction,
} from '../../state/xenstore.js';
import type { Context, Decider } from '../context.js';

/** One request as XenStore takes it. */
export interface XenstoreRequest {
  readonly conn: string;
  readonly op: XenstoreOp;
  readonly path: string;
  readonly value: string | null;
  readonly tx: number;
}

/** What the requester gets. */
export interface XenstoreReply {
  readonly error: string | null;
  readonly data: string;
}

const ok: XenstoreReply = { error: null, data: 'OK' };
const failed = (error: string): XenstoreReply => ({ error, data: '' });
const found = (data: string): XenstoreReply => ({ error: null, data });

export const decideXenstoreRequest: Decider<'xenstore.requested'> = (context, { by, data }) => {
  performRequest(context, by, data);
};

/** Xen told xenstored of a domain: whoever watches the name hears of it. */
export const decideXenstoreAnnouncement: Decider<'xenstore.announced'> = (context, { data }) => {
  fire(context, data.path, 'below');
};

/** With a domain's own connection goes the domain: newer releases take what others granted it out of every node. */
export const decideXenstoreDisconnect: Decider<'xenstore.disconnected'> = (context, { data }) => {
  const domid = valueAt(context.state.xenstore.connections, data.conn)?.domid ?? 0;
  if (domid === 0 || !has(context.env, 'xenstored-forgets-dead-domains')) return;
  for (const [path, { value, perms }] of Object.entries(context.state.xenstore.nodes)) {
    const [owner = '', ...others] = perms.split(' ');
    const left = others.filter((perm) => Number(perm.slice(1)) !== domid);
    if (left.length === others.length) continue;
    const changed = { conn: data.conn, tx: 0, path, value, perms: [owner, ...left].join(' ') };
    context.emit('xenstored', 'xenstore.changed', changed);
  }
};

/**
 * Carries out one request: changes, watch events and the answer come out as events, in the order in which xenstored
 * queues them (events of a change before its answer; the first event of a new watch after it).
 */
export function performRequest(context: Context, by: Actor, request: XenstoreRequest): XenstoreReply {
  const reply = carryOut(context, by, request);
  context.emit('xenstored', 'xenstore.answered', {
    ...request,
    path: isNodeOp(request.op) ? absolute(context, request.conn, request.path) : request.path,
    error: reply.error,
    reply: reply.data,
  });
  if (request.op === 'WATCH' && reply.error === null) {
    context.emit('xenstored', 'xenstore.fired', {
      conn: request.conn,
      path: request.path,
      token: request.value ?? '',
    });
  }
  return reply;
}

const isNodeOp = (op: XenstoreOp): boolean =>
  op === 'READ' ||
  op === 'WRITE' ||
  op === 'MKDIR' ||
  op === 'RM' ||
  op === 'DIRECTORY' ||
  op === 'GET_PERMS' ||
  op === 'SET_PERMS';

function carryOut(context: Context, by: Actor, request: XenstoreRequest): XenstoreReply {
  const { conn, op, value, tx } = request;
  const connection = valueAt(context.state.xenstore.connections, conn);
  if (connection === undefined) return failed('EINVAL');
  if (tx !== 0 && connection.transactions[tx] === undefined) return failed('ENOENT');
  if (isNodeOp(op) && !isNodePath(absolute(context, conn, request.path))) return failed('EINVAL');
  switch (op) {
    case 'READ':
    case 'DIRECTORY':
    case 'GET_PERMS':
      return look(context, request);
    case 'WRITE':
    case 'MKDIR':
      return write(context, by, request);
    case 'RM':
      return remove(context, by, request);
    case 'SET_PERMS':
      return setPerms(context, by, request);
    case 'WATCH':
      return watch(context, request);
    case 'UNWATCH': {
      const path = absolute(context, conn, request.path);
      const known = context.state.xenstore.watches.some(
        (one) => one.conn === conn && one.path === path && one.token === value,
      );
      if (!known) return failed('ENOENT');
      context.emit('xenstored', 'xenstore.unwatched', { conn, path, token: value ?? '' });
      return ok;
    }
    case 'TRANSACTION_START': {
      let id = connection.nextTransaction;
      while (connection.transactions[id] !== undefined) id += 1;
      return found(String(id));
    }
    case 'TRANSACTION_END':
      return endTransaction(context, conn, tx, value === 'T');
    case 'GET_DOMAIN_PATH':
      return found(`/local/domain/${request.path}`);
    case 'IS_DOMAIN_INTRODUCED':
      return found(context.state.xenstore.introduced[Number(request.path)] === undefined ? 'F' : 'T');
    case 'INTRODUCE':
      if (connection.domid !== 0) return failed('EACCES');
      if (context.state.xenstore.introduced[Number(request.path)] === undefined) {
        fire(context, '@introduceDomain', 'below');
      }
      return ok;
    case 'RELEASE':
      if (connection.domid !== 0) return failed('EACCES');
      fire(context, '@releaseDomain', 'below');
      return ok;
    case 'RESET_WATCHES':
    case 'RESUME':
    case 'SET_TARGET':
      return ok;
  }
}

/** A relative path lies below the home of the connection's domain. */
function absolute(context: Context, conn: string, path: string): string {
  if (path.startsWith('/') || path.startsWith('@')) return path.length > 1 ? path.replace(/\/$/, '') : path;
  return `${home(context, conn)}/${path}`;
}

const home = (context: Context, conn: string): string =>
  `/local/domain/${valueAt(context.state.xenstore.connections, conn)?.domid ?? 0}`;

function transactionOf(context: Context, { conn, tx }: XenstoreRequest): XenstoreTransaction | null {
  return tx === 0
    ? null
    : (valueAt(context.state.xenstore.connections, conn)?.transactions[tx] as XenstoreTransaction);
}

function node(context: Context, request: XenstoreRequest, path: string): XenstoreNode | undefined {
  const own = transactionOf(context, request)?.nodes ?? null;
  return nodeIn({ base: context.state.xenstore.nodes as Record<string, XenstoreNode>, own }, path);
}

/** Rights of a connection on a node: domain 0 and the owner may do anything, others what stands for them. */
function mayAccess(context: Context, conn: string, perms: string, right: 'r' | 'w'): boolean {
  const domid = valueAt(context.state.xenstore.connections, conn)?.domid ?? 0;
  const [owner, ...others] = perms.split(' ');
  if (domid === 0 || owner === undefined || Number(owner.slice(1)) === domid) return true;
  const entry = others.find((perm) => Number(perm.slice(1)) === domid) ?? owner;
  return entry.startsWith('b') || entry.startsWith(right);
}

/** ENOENT is only for those who may read the closest node above. */
function missing(context: Context, request: XenstoreRequest, path: string): XenstoreReply {
  let above = parentOf(path);
  while (above !== '/' && node(context, request, above) === undefined) above = parentOf(above);
  const readable = mayAccess(context, request.conn, node(context, request, above)?.perms ?? 'n0', 'r');
  return failed(readable ? 'ENOENT' : 'EACCES');
}

function look(context: Context, request: XenstoreRequest): XenstoreReply {
  const path = absolute(context, request.conn, request.path);
  const at = node(context, request, path);
  if (at === undefined) return missing(context, request, path);
  if (!mayAccess(context, request.conn, at.perms, 'r')) return failed('EACCES');
  if (request.op === 'READ') return found(at.value);
  return found(request.op === 'DIRECTORY' ? at.children.join(' ') : at.perms);
}

function write(context: Context, by: Actor, request: XenstoreRequest): XenstoreReply {
  const { conn, tx, op } = request;
  const path = absolute(context, conn, request.path);
  const at = node(context, request, path);
  if (at !== undefined) {
    if (op === 'MKDIR') return ok;
    if (!mayAccess(context, conn, at.perms, 'w')) return failed('EACCES');
    change(context, by, request, path, request.value ?? '', at.perms);
    return ok;
  }
  let above = parentOf(path);
  while (above !== '/' && node(context, request, above) === undefined) above = parentOf(above);
  const parentPerms = node(context, request, above)?.perms ?? 'n0';
  if (!mayAccess(context, conn, parentPerms, 'w')) return failed('EACCES');
  // A guest owns what it makes.
  const domid = valueAt(context.state.xenstore.connections, conn)?.domid ?? 0;
  const perms =
    domid === 0 ? parentPerms : parentPerms.replace(/^n\d+|^[rwb]\d+/, (own) => `${own[0]}${domid}`);
  change(context, by, { conn, tx }, path, op === 'MKDIR' ? '' : (request.value ?? ''), perms);
  return ok;
}

function change(
  context: Context,
  by: Actor,
  { conn, tx }: Pick<XenstoreRequest, 'conn' | 'tx'>,
  path: string,
  value: string,
  perms: string,
): void {
  context.emit(by, 'xenstore.changed', { conn, tx, path, value, perms });
  if (tx === 0) fire(context, path, 'below');
}

function remove(context: Context, by: Actor, request: XenstoreRequest): XenstoreReply {
  const { conn, tx } = request;
  const path = absolute(context, conn, request.path);
  const at = node(context, request, path);
  if (at === undefined) {
    // Removing what is not there is fine as long as its parent is.
    return node(context, request, parentOf(path)) === undefined ? missing(context, request, path) : ok;
  }
  if (!mayAccess(context, conn, at.perms, 'w')) return failed('EACCES');
  if (path === '/') return failed('EINVAL');
  const below = tx === 0 ? descendants(context, path) : [];
  context.emit(by, 'xenstore.changed', { conn, tx, path, value: null, perms: at.perms });
  if (tx === 0) {
    fire(context, path, 'below');
    for (const one of below) fire(context, one, 'exact');
  }
  return ok;
}

function descendants(context: Context, path: string): string[] {
  const children = context.state.xenstore.nodes[path]?.children ?? [];
  return children.flatMap((name) => {
    const child = childPath(path, name);
    return [child, ...descendants(context, child)];
  });
}

function setPerms(context: Context, by: Actor, request: XenstoreRequest): XenstoreReply {
  const path = absolute(context, request.conn, request.path);
  const at = node(context, request, path);
  if (at === undefined) return missing(context, request, path);
  const domid = valueAt(context.state.xenstore.connections, request.conn)?.domid ?? 0;
  if (domid !== 0 && Number(at.perms.split(' ')[0]?.slice(1)) !== domid) return failed('EACCES');
  change(context, by, request, path, at.value, request.value ?? '');
  return ok;
}

function watch(context: Context, { conn, path, value }: XenstoreRequest): XenstoreReply {
  const at = absolute(context, conn, path);
  const known = context.state.xenstore.watches.some(
    (one) => one.conn === conn && one.path === at && one.token === value,
  );
  if (known) return failed('EEXIST');
  const relative = path.startsWith('/') || path.startsWith('@') ? 'no' : 'yes';
  context.emit('xenstored', 'xenstore.watched', { conn, path: at, token: value ?? '', relative });
  return ok;
}

function endTransaction(context: Context, conn: string, tx: number, commit: boolean): XenstoreReply {
  const transaction = valueAt(context.state.xenstore.connections, conn)?.transactions[tx];
  if (transaction === undefined) return failed('ENOENT');
  if (!commit) {
    context.emit('xenstored', 'xenstore.dropped', { conn, tx });
    return ok;
  }
  const conflict = Object.entries(transaction.seen).some(
    ([path, generation]) => (context.state.xenstore.nodes[path]?.generation ?? -1) !== generation,
  );
  if (conflict) {
    context.emit('xenstored', 'xenstore.dropped', { conn, tx });
    return failed('EAGAIN');
  }
  const fires = transaction.accessed.flatMap((path) => {
    const how = transaction.fires[path];
    return how === undefined ? [] : [[path, how] as const];
  });
  context.emit('xenstored', 'xenstore.committed', { conn, tx });
  for (const [path, how] of fires) fire(context, path, how);
  return ok;
}

/** Queues the events of one changed path: for watches on it, and unless `exact` for those on a node above it. */
function fire(context: Context, path: string, how: 'below' | 'exact'): void {
  for (const one of [...context.state.xenstore.watches]) {
    const hit =
      one.path === path || (how === 'below' && (one.path === '/' || path.startsWith(`${one.path}/`)));
    if (!hit || !mayHear(context, one.conn, path)) continue;
    const seen = one.relative && path !== one.path ? path.slice(home(context, one.conn).length + 1) : null;
    const own = one.relative ? one.path.slice(home(context, one.conn).length + 1) : one.path;
    context.emit('xenstored', 'xenstore.fired', {
      conn: one.conn,
      path: path === one.path ? own : (seen ?? path),
      token: one.token,
    });
  }
}

/** A guest hears of nodes it may read; of a removed one when it owned or may read what is above. */
function mayHear(context: Context, conn: string, path: string): boolean {
  if (path.startsWith('@')) return true;
  const at = context.state.xenstore.nodes[path] ?? context.state.xenstore.nodes[parentOf(path)];
  return at === undefined || mayAccess(context, conn, at.perms, 'r');
}
