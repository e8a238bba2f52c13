'use strict';

/**
 * @file The takeover, as far as it is JavaScript's: connections leave Node and come back.
 */

const { AsyncResource } = require('node:async_hooks');
const { closeSync } = require('node:fs');
const { getSystemErrorName } = require('node:util');

const { coded } = require('./errors');
const { KEEP_ALIVE_DELAY } = require('./bridge-output');
const { keepAddresses } = require('./request-info');
const { Buffer } = require('./globals');
const { watchRequest, watchSocket } = require('./observers');
const { attachHandle, detachHandle, hasPlainHandle } = require('./taken-socket');

/**
 * Takes the connection of a request, if nobody but us can miss it.
 *
 * @param {import('./install').Installation} installation
 * @param {import('./server').Service} service
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 * @returns {boolean} false leaves everything as it was
 */
function takeRequest(installation, service, request, response) {
  const { httpServer, engine } = installation;
  const { socket } = request;
  if (
    typeof service.options.jsessionid === 'function' ||
    !installation.mayTake() ||
    !works(() => isPlain(socket, 'request') && isFirst(httpServer, request, response))
  ) {
    return false;
  }
  const { parser } = socket;
  const read = beginning(parser, request);
  if (read === undefined) return false;
  installation.configure();
  socket.setKeepAlive(true, KEEP_ALIVE_DELAY);
  keepAddresses(socket);
  const resource = new AsyncResource('SOCKJS');
  const taken = {
    socket,
    request: undefined,
    response,
    server: httpServer,
    installation,
    resource,
    kept: true,
  };
  const takenId = engine.remember(taken);
  if (!engine.native.takeHttp(installation.id, socket._handle.fd, takenId, read)) {
    engine.pending.delete(takenId);
    return false;
  }
  // It will read from another handle when the connection comes back; it could not read from two.
  if (works(() => parser.unconsume() === undefined)) parser._consumed = false;
  else taken.response = undefined;
  detachHandle(engine, socket, takenId);
  return true;
}

/**
 * How the upgrades of an installation are taken.
 *
 * @param {import('./install').Installation} installation
 */
function takeUpgrade(installation) {
  if (installation.bridgeOnly) return undefined;
  /**
   * @param {import('./server').Service} service
   * @param {import('node:http').IncomingMessage} request
   * @param {any} socket
   * @param {Buffer} head
   * @param {{ kind: number, response: Buffer }} accepted
   * @returns {boolean} false leaves everything as it was
   */
  return (service, request, socket, head, accepted) => {
    const { engine } = service;
    // Listeners that were added later get the socket too, and may answer on it or end it.
    if (installation.httpServer.listenerCount('upgrade') > 1) return false;
    // An earlier request may still be being answered: its response needs the socket.
    if (!works(() => isPlain(socket, 'upgrade') && !socket._httpMessage)) return false;
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY);
    keepAddresses(socket);
    const resource = new AsyncResource('SOCKJS');
    const server = installation.httpServer;
    const takenId = engine.remember({ socket, request, server, service, resource, kept: true });
    const { fd } = socket._handle;
    const { kind, response } = accepted;
    if (!engine.native.takeWebsocket(service.id, fd, takenId, kind, response, head)) {
      engine.pending.delete(takenId);
      return false;
    }
    detachHandle(engine, socket, takenId);
    engine.startPolling();
    return true;
  };
}

/**
 * Whether a check of things that are private to Node succeeds. In a version where they are different it may even
 * throw.
 *
 * @param {() => boolean} check
 */
function works(check) {
  try {
    return check();
  } catch {
    return false;
  }
}

/**
 * Whether a socket is one of Node's own, with a descriptor, nothing on its way in either direction, and nobody
 * who listens to its bytes.
 *
 * @param {any} socket
 * @param {'request' | 'upgrade'} event
 */
function isPlain(socket, event) {
  return (
    !socket.destroyed &&
    hasPlainHandle(socket) &&
    socket.writableLength === 0 &&
    socket.readableLength === 0 &&
    !watchSocket(socket, event)
  );
}

/**
 * Whether a request is the one that its socket is busy with, by Node's own objects, in a state that can be
 * restored when the connection comes back.
 *
 * @param {import('node:http').Server} httpServer
 * @param {any} request
 * @param {any} response
 */
function isFirst(httpServer, request, response) {
  const { socket } = request;
  const { parser } = socket;
  return (
    socket._httpMessage === response &&
    // Else another server has accepted it, whose limits hold, and passes its requests on.
    socket.server === httpServer &&
    // What this does cannot be seen from here.
    !(socket.timeout > 0) &&
    typeof parser.getCurrentBuffer === 'function' &&
    typeof parser.consume === 'function' &&
    typeof parser.unconsume === 'function' &&
    parser._consumed === true &&
    // Node's own, which frees the socket for the next request.
    response.listenerCount('finish') === 1 &&
    !watchRequest(request, response)
  );
}

/**
 * What the parser is at, if that begins with a request.
 *
 * @param {any} parser
 * @param {import('node:http').IncomingMessage} request
 * @returns {Buffer | undefined}
 */
function beginning(parser, { method, url }) {
  const line = `${method} ${url} `;
  let read;
  const begins = works(() => {
    read = parser.getCurrentBuffer();
    return Buffer.isBuffer(read) && read.subarray(0, line.length).latin1Slice() === line;
  });
  return begins ? read : undefined;
}

/**
 * Why a connection comes back, by the number that the native side gives (`Fault::code` in
 * `src/server/taken_sockets.rs`): 0 for a request that is Node's, 1 for a request that took too long, 2 for a client
 * that ended in the middle of a body, below 0 the system's number of a failed read.
 */
const REQUEST_TIMEOUT = 1;

/**
 * A taken HTTP connection comes back, because its next request is Node's, or something is wrong with it that
 * Node reports. Where Node is not as it was known to be, the connection ends.
 *
 * @param {{ socket: any, response: any, kept: boolean }} taken
 * @param {number} fd
 * @param {number} fault
 * @param {[number, number, Buffer]} value bytes read and written meanwhile, and those that are Node's to parse
 */
function giveBack({ socket, response, kept }, fd, fault, [read, written, bytes]) {
  if (socket.destroyed || response === undefined) {
    closeSync(fd);
    return socket.destroy();
  }
  const traffic = { read, written };
  const isBack = works(() => attachHandle(socket, fd, traffic) && restore(socket, response, fault));
  if (isBack && !kept) socket.unref();
  if (!isBack) socket.destroy();
  else if (fault !== 0) report(socket, fault);
  else socket.emit('data', bytes);
}

/**
 * Brings Node's objects into the state between two requests.
 *
 * @param {any} socket
 * @param {any} response
 * @param {number} fault
 */
function restore(socket, response, fault) {
  // The request with which it was taken has been answered.
  response.emit('finish');
  if (fault !== 0) return true;
  const { parser, _handle: handle } = socket;
  // It reads from the handle itself, unless somebody listens to 'data' by now.
  if (socket.listenerCount('data') === 1 && works(() => parser.consume(handle) === undefined)) {
    parser._consumed = true;
    handle._consumed = true;
  }
  handle.reading = true;
  return handle.readStart() === 0;
}

/**
 * Has Node do what it does at such an error: `'clientError'`, or an answer and the end.
 *
 * @param {any} socket
 * @param {number} fault
 */
function report(socket, fault) {
  const errno = fault | 0;
  if (errno < 0) return socket.destroy(readError(errno));
  const error =
    fault === REQUEST_TIMEOUT
      ? coded(Error, 'ERR_HTTP_REQUEST_TIMEOUT', 'Request timeout')
      : Object.assign(coded(Error, 'HPE_INVALID_EOF_STATE', 'Parse Error'), {
          bytesParsed: 0,
          reason: 'Invalid EOF state',
        });
  const node = socket.listeners('error').find((/** @type {Function} */ listener) => {
    return listener.name === 'socketOnError';
  });
  if (node === undefined) socket.destroy(error);
  else node.call(socket, error);
}

/**
 * @param {number} errno
 * @returns {Error} what Node makes of it
 */
function readError(errno) {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`read ${code}`), { errno, code, syscall: 'read' });
}

module.exports = { takeRequest, takeUpgrade, giveBack };
