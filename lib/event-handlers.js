'use strict';

/**
 * @file What the events of the native side do here, but for messages, which the engine delivers itself.
 */

const { closeSync } = require('node:fs');

const { CLOSED, CLOSING } = require('./connection');
const { openSession } = require('./raw-session');
const { keepAddresses } = require('./request-info');
const { Session } = require('./session');
const { giveBack } = require('./takeover');
const { endTaken } = require('./taken-socket');

/** Kinds of events; `src/addon/fast_path.rs` has the same list. */
const OPEN_NODE = 0;
const OPEN = 1;
const ATTACHED_NODE = 2;
const ATTACHED = 3;
const MESSAGE = 4;
const VALUE = 5;
const CLOSING_BY_SERVER = 6;
const ENDED_SESSION = 7;
const DRAIN = 8;
const OUTPUT = 9;
const ENDED_SOCKET = 10;
const RETURNED = 11;
const LOG = 12;
const CLIENT_CLOSE = 13;
const LEFT = 14;

/** Names of transports by their number in Rust (`src/protocol/transport/mod.rs`). */
const PROTOCOLS = [
  'websocket',
  'websocket-raw',
  'xhr-polling',
  'xhr-streaming',
  'eventsource',
  'htmlfile',
  'jsonp-polling',
];

/** Any transport over HTTP requests. */
const XHR_POLLING = PROTOCOLS.indexOf('xhr-polling');

const SEVERITIES = ['debug', 'info', 'error'];

/**
 * @param {import('./engine').Engine} engine
 * @param {number} kind any but MESSAGE and VALUE
 * @param {number} subject
 * @param {number} a
 * @param {number} b
 * @param {any} value
 */
function handleEvent(engine, kind, subject, a, b, value) {
  switch (kind) {
    case OPEN_NODE:
      return openWithRequest(engine, subject, a, value, b);
    case OPEN: {
      const taken = engine.pending.get(b);
      const session = open(engine, subject, a, XHR_POLLING, taken?.socket);
      session._request = value;
      engine.receivedWithEvent(session);
      return announce(engine, session, taken?.resource);
    }
    case ATTACHED_NODE:
      return attachRequest(engine.sessions[subject], engine.pending.get(a)?.request, a, b);
    case ATTACHED: {
      const session = engine.sessions[subject];
      if (session === undefined) return;
      engine.receivedWithEvent(session);
      session._attached(value, engine.pending.get(b)?.socket);
      return;
    }
    case CLOSING_BY_SERVER: {
      const session = engine.sessions[subject];
      if (session !== undefined && session.readyState < CLOSING) session.readyState = CLOSING;
      return;
    }
    case CLIENT_CLOSE:
      return engine.native.finishClientClose(subject);
    case ENDED_SESSION:
      return endSession(engine, subject);
    case DRAIN: {
      const session = engine.sessions[subject];
      if (session !== undefined && session.readyState !== CLOSED) session.connection.emit('drain');
      return;
    }
    case OUTPUT:
      return engine.pending.get(subject)?.flush?.();
    case ENDED_SOCKET: {
      const taken = engine.release(subject);
      const [read, written] = value ?? [a, b];
      if (taken) endTaken(taken.socket, { read, written });
      return;
    }
    case RETURNED: {
      const taken = engine.release(subject);
      // The application may have destroyed the socket.
      if (taken) giveBack(taken, a, b, value);
      else closeSync(a);
      return;
    }
    case LOG:
      return engine.ids.service(subject)?.log(SEVERITIES[a], value);
    case LEFT:
      return engine.ids.left(subject);
  }
}

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
 * @param {number} id of the pending request
 * @param {number} transport
 */
function openWithRequest(engine, key, service, id, transport) {
  const pending = engine.pending.get(id);
  const resource = pending?.resource;
  const socket = pending?.request?.socket;
  keepAddresses(socket);
  const session = open(engine, key, service, transport, socket);
  if (pending?.pause) session._bridge = id;
  else if (transport >= XHR_POLLING) session._receives(id, transport);
  if (pending?.request) {
    engine.received = session;
    engine.receivedBy = pending.request;
    decorate(session, pending.request, PROTOCOLS[transport]);
  }
  if (pending) {
    // A taken socket lives long. It needs neither its first request nor that request's context any more.
    pending.resource = undefined;
    if (pending.server) pending.request = undefined;
  }
  announce(engine, session, resource);
}

/**
 * A request on the bridge receives for a session that is open.
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
  decorate(session, request, PROTOCOLS[transport]);
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

/**
 * @param {import('./engine').Engine} engine
 * @param {number} key
 */
function endSession(engine, key) {
  const session = engine.sessions[key];
  engine.sessions[key] = undefined;
  if (session === undefined) return;
  engine.hold(-1, -session._keepsAlive());
  session._clientGone();
}

module.exports = { MESSAGE, VALUE, handleEvent };
