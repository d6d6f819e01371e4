import { choice, connection, count, domid, namingText, orNull, text } from '../field.js';
import { input, outcome } from '../kind.js';

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
  conn: connection('the connection, by a name of its own'),
  op: choice(xenstoreOps, 'request type'),
  path: namingText(
    'dom0',
    'node, absolute or below the home of the connection; other first argument, as a domid',
  ),
  value: orNull(
    namingText('dom0', 'data of a write, permissions or token separated by blanks, `T` or `F` of an end'),
  ),
  tx: count('transaction id of the connection, 0 outside any'),
};

/** @source facts/dom0 4.6, 4.7; the store itself from recordings, docs/models/toolstack.md */
export const xenbusKinds = {
  'xenstore.connected': input(
    'A client or a guest kernel connected to XenStore.',
    {
      conn: connection('name of the connection'),
      domid: domid('whose it is'),
    },
    {
      told: 'toolstack',
      reads: '{conn} of {domid} connects to XenStore',
      decidedBy: 'state only: connections to XenStore, docs/models/toolstack.md',
    },
  ),
  'xenstore.disconnected': input(
    'A connection ended; its watches and transactions with it.',
    {
      conn: connection('name of the connection'),
    },
    {
      told: 'toolstack',
      reads: '{conn} leaves XenStore',
      decidedBy: 'state only: watches and transactions end with their connection, docs/models/toolstack.md',
    },
  ),
  'xenstore.requested': input('A connection sent a request to XenStore.', request, {
    told: 'guest',
    reads: '{conn} asks XenStore: {op} {path}[ {value}]',
    decidedBy: 'XenStore: permissions, watches, transactions, docs/models/toolstack.md',
    whose: 'conn',
  }),
  'xenstore.announced': input(
    'XenStore learned from Xen that a domain came or went.',
    {
      path: text('`@introduceDomain` or `@releaseDomain`'),
    },
    {
      told: 'toolstack',
      reads: 'XenStore announces {path}',
      decidedBy: 'special watches of XenStore, docs/models/toolstack.md',
    },
  ),
  'xenstore.answered': outcome(
    'XenStore answered a request.',
    {
      ...request,
      error: orNull(text('error name, as `ENOENT`; null when it went well')),
      reply: namingText('dom0', 'data of the reply, list items separated by blanks'),
    },
    {
      told: 'guest',
      reads: 'XenStore answers {conn}: {op} {path}[, {error}] {reply}',
      gist: null,
      whose: 'conn',
    },
  ),
  'xenstore.changed': outcome(
    'A node was made, written, given permissions or removed.',
    {
      conn: connection('whose request it was'),
      tx: count('transaction that will show it when it ends; 0: visible at once'),
      path: namingText('dom0', 'absolute path'),
      value: orNull(namingText('dom0', 'content; null: the node and everything below it are gone')),
      perms: text('permissions separated by blanks, owner first, as `n0 r1`'),
    },
    { told: 'toolstack', reads: '{conn} changes {path}[: {value}]' },
  ),
  'xenstore.committed': outcome(
    'A transaction ended and all of it became visible.',
    {
      conn: connection('connection'),
      tx: count('its id'),
    },
    { told: 'toolstack', reads: 'transaction {tx} of {conn} takes effect' },
  ),
  'xenstore.dropped': outcome(
    'A transaction ended and nothing of it remained.',
    {
      conn: connection('connection'),
      tx: count('its id'),
    },
    { told: 'toolstack', reads: 'transaction {tx} of {conn} is dropped' },
  ),
  'xenstore.watched': outcome(
    'A connection began to watch a node.',
    {
      conn: connection('connection'),
      path: namingText('dom0', 'absolute path or a name that starts with @'),
      token: text('what comes back with each event'),
      relative: choice(['yes', 'no'], 'whether events carry paths below the home of the connection'),
    },
    { told: 'toolstack', reads: '{conn} watches {path}' },
  ),
  'xenstore.unwatched': outcome(
    'A connection ended a watch.',
    {
      conn: connection('connection'),
      path: namingText('dom0', 'absolute path'),
      token: text('its token'),
    },
    { told: 'toolstack', reads: '{conn} watches {path} no more' },
  ),
  'xenstore.fired': outcome(
    'A watch event was queued for a connection.',
    {
      conn: connection('connection'),
      path: namingText('dom0', 'path as the connection sees it'),
      token: text('token of the watch'),
    },
    { told: 'guest', reads: 'a watch of {conn} fires for {path}', gist: null, whose: 'conn' },
  ),
};
