'use strict';

/**
 * @file The handlers of the native side's events, without messages, which the engine delivers itself.
 */

const { closeSync } = require('node:fs');

const { names } = require('./native');
const { CLOSED, CLOSING } = require('./ready-state');
const { openSession } = require('./raw-session');
const { keepAddresses } = require('./request-info');
const { Session } = require('./session');
const { giveBack } = require('./takeover');
const { endTaken } = require('./taken-socket');

const { transports, severities } = names;

/** Stands for each HTTP transport: an `Open` event is for one of them, and does not say for which. */
const XHR_POLLING = transports.indexOf('xhr-polling');

/**
 * The handlers, by the names of their kinds. `EventKind` in `src/addon/constants.rs` describes the arguments.
 *
 * @type {Record<string, (engine: import('./engine').Engine, a: number, b: number, c: number, value: any) => void>}
 */
const HANDLERS = {
  OpenNode: openWithRequest,
  Open(engine, key, service, takenId, info) {
    const taken = engine.pending.get(takenId);
    const session = open(engine, key, service, XHR_POLLING, taken?.socket);
    session._request = info;
    engine.receivedWithEvent(session);
    announce(engine, session, taken?.resource);
  },
  AttachedNode(engine, key, id, transport) {
    attachRequest(engine.sessions[key], engine.pending.get(id)?.request, id, transport);
  },
  Attached(engine, key, _, takenId, info) {
    const session = engine.sessions[key];
    if (session === undefined) return;
    engine.receivedWithEvent(session);
    session._attached(info, engine.pending.get(takenId)?.socket);
  },
  Closing(engine, key) {
    const session = engine.sessions[key];
    if (session !== undefined && session.readyState < CLOSING) session.readyState = CLOSING;
  },
  ClientClose(engine, key) {
    engine.native.finishClientClose(key);
  },
  Closed(engine, key) {
    const session = engine.sessions[key];
    engine.sessions[key] = undefined;
    if (session === undefined) return;
    engine.hold(-1, -session._keepsAlive());
    session._onClosed();
  },
  Drain(engine, key) {
    const session = engine.sessions[key];
    if (session !== undefined && session.readyState !== CLOSED) session.connection.emit('drain');
  },
  Output(engine, id) {
    engine.pending.get(id)?.flush?.();
  },
  Ended(engine, takenId, a, b, value) {
    const taken = engine.pending.release(takenId);
    const [read, written] = value ?? [a, b];
    if (taken) endTaken(taken.socket, { read, written });
  },
  Returned(engine, takenId, fd, reason, value) {
    const taken = engine.pending.release(takenId);
    // The application may have destroyed the socket.
    if (taken) giveBack(taken, fd, reason, value);
    else closeSync(fd);
  },
  Log(engine, service, severity, _, line) {
    engine.ids.service(service)?.log(severities[severity], line);
  },
  Left(engine, service) {
    engine.ids.left(service);
  },
};

/**
 * @param {import('./engine').Engine} engine
 * @param {number} key
 * @param {number} id of the service
 * @param {number} transport
 * @param {any} socket
 */
function open(engine, key, id, transport, socket) {
  const service = /** @type {import('./server').Service} */ (engine.ids.service(id));
  const session = openSession(engine, key, service, transport, socket);
  engine.hold(1, session._keepsAlive());
  engine.sessions[key] = session;
  return session;
}

/**
 * @param {import('./engine').Engine} engine
 * @param {number} key
 * @param {number} service
 * @param {number} transport
 * @param {number} id of the pending request
 */
function openWithRequest(engine, key, service, transport, id) {
  const pending = engine.pending.get(id);
  const resource = pending?.resource;
  const socket = pending?.request?.socket;
  keepAddresses(socket);
  const session = open(engine, key, service, transport, socket);
  if (pending?.pause) session._bridge = id;
  else if (!session._isWebsocket()) session._receives(id, transport);
  if (pending?.request) {
    engine.received = session;
    engine.receivedBy = pending.request;
    decorate(session, pending.request, transports[transport]);
  }
  if (pending) {
    // A taken socket may be open for long, and no longer needs its first request and the context.
    pending.resource = undefined;
    if (pending.server) pending.request = undefined;
  }
  announce(engine, session, resource);
}

/**
 * Makes a request in Node the receiver of an open session.
 *
 * @param {Session | undefined} session
 * @param {import('node:http').IncomingMessage | undefined} request
 * @param {number} id of the request
 * @param {number} transport
 */
function attachRequest(session, request, id, transport) {
  if (session === undefined) return;
  session._receivers++;
  session._receives(id, transport);
  if (request === undefined) return;
  session._setSocket(request.socket);
  decorate(session, request, transports[transport]);
}

/**
 * @param {Session} session
 * @param {import('node:http').IncomingMessage} request
 * @param {string} protocol
 */
function decorate(session, request, protocol) {
  session._show(request, protocol);
  if (Session.isPatched()) session._redecorate(request);
}

/**
 * Emits `'connection'`.
 *
 * @param {import('./engine').Engine} engine
 * @param {Session} session
 * @param {import('node:async_hooks').AsyncResource | undefined} resource the context of its request
 */
function announce(engine, session, resource) {
  session._round = engine.round;
  const { server } = session._service;
  if (resource) resource.runInAsyncScope(server._announce, server, session.connection);
  else server._announce(session.connection);
}

module.exports = { HANDLERS };
