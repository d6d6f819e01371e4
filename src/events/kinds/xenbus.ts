import { choice, count, domid, input, orNull, outcome, text } from '../field.js';

/** Requests of the XenStore protocol by their wire names. */
export const xenstoreOps = [
  'READ',
  'WRITE',
  'MKDIR',
  'RM',
  'DIRECTORY',
  'GET_PERMS',
  'SET_PERMS',
  'WATCH',
  'UNWATCH',
  'RESET_WATCHES',
  'TRANSACTION_START',
  'TRANSACTION_END',
  'GET_DOMAIN_PATH',
  'IS_DOMAIN_INTRODUCED',
  'INTRODUCE',
  'RELEASE',
  'RESUME',
  'SET_TARGET',
] as const;
export type XenstoreOp = (typeof xenstoreOps)[number];

const request = {
  conn: text('the connection, by a name of its own'),
  op: choice(xenstoreOps, 'request type'),
  path: text('node, absolute or below the home of the connection; other first argument, as a domid'),
  value: orNull(text('data of a write, permissions or token separated by blanks, `T` or `F` of an end')),
  tx: count('transaction id of the connection, 0 outside any'),
};

/** @source facts/dom0 4.6, 4.7; the store itself from recordings, docs/models/toolstack.md */
export const xenbusKinds = {
  'xenstore.connected': input('A client or a guest kernel connected to XenStore.', {
    conn: text('name of the connection'),
    domid: domid('whose it is'),
  }),
  'xenstore.disconnected': input('A connection ended; its watches and transactions with it.', {
    conn: text('name of the connection'),
  }),
  'xenstore.requested': input('A connection sent a request to XenStore.', request),
  'xenstore.announced': input('XenStore learned from Xen that a domain came or went.', {
    path: text('`@introduceDomain` or `@releaseDomain`'),
  }),
  'xenstore.answered': outcome('XenStore answered a request.', {
    ...request,
    error: orNull(text('error name, as `ENOENT`; null when it went well')),
    reply: text('data of the reply, list items separated by blanks'),
  }),
  'xenstore.changed': outcome('A node was made, written, given permissions or removed.', {
    conn: text('whose request it was'),
    tx: count('transaction that will show it when it ends; 0: visible at once'),
    path: text('absolute path'),
    value: orNull(text('content; null: the node and everything below it are gone')),
    perms: text('permissions separated by blanks, owner first, as `n0 r1`'),
  }),
  'xenstore.committed': outcome('A transaction ended and all of it became visible.', {
    conn: text('connection'),
    tx: count('its id'),
  }),
  'xenstore.dropped': outcome('A transaction ended and nothing of it remained.', {
    conn: text('connection'),
    tx: count('its id'),
  }),
  'xenstore.watched': outcome('A connection began to watch a node.', {
    conn: text('connection'),
    path: text('absolute path or a name that starts with @'),
    token: text('what comes back with each event'),
    relative: choice(['yes', 'no'], 'whether events carry paths below the home of the connection'),
  }),
  'xenstore.unwatched': outcome('A connection ended a watch.', {
    conn: text('connection'),
    path: text('absolute path'),
    token: text('its token'),
  }),
  'xenstore.fired': outcome('A watch event was queued for a connection.', {
    conn: text('connection'),
    path: text('path as the connection sees it'),
    token: text('token of the watch'),
  }),
};
