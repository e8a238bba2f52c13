'use strict';

/**
 * @file The takeover, on the JavaScript side: moves connections from Node to the native side, and back.
 */

const { AsyncResource } = require('node:async_hooks');
const { closeSync } = require('node:fs');
const { getSystemErrorName } = require('node:util');

const { coded } = require('./errors');
const { KEEP_ALIVE_DELAY } = require('./bridge-output');
const { keepAddresses } = require('./request-info');
const { Buffer } = require('./globals');
const { NONE, REQUEST_TIMEOUT } = require('./native').fault;
const { isRequestObserved, isSocketObserved } = require('./observers');
const { attachHandle, detachHandle, hasPlainHandle } = require('./taken-socket');

/**
 * Takes the connection of a request, if nothing else needs it in Node.
 *
 * @param {import('./install').Installation} installation
 * @param {import('./server').Service} service
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 * @returns {boolean} whether it was taken; if not, nothing has changed
 */
function takeRequest(installation, service, request, response) {
  const { httpServer, engine } = installation;
  const { socket } = request;
  // Messages that came before this request are answered before it, as in 0.3.24: a poll gets these answers.
  engine.drain();
  if (
    typeof service.options.jsessionid === 'function' ||
    !installation.mayTake() ||
    !works(() => isPlain(socket, 'request') && isRestorable(httpServer, request, response))
  ) {
    return false;
  }
  const { parser } = socket;
  const chunk = currentChunk(parser, request);
  if (chunk === undefined) return false;
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
  const takenId = engine.pending.add(taken);
  if (!engine.native.takeHttp(installation.id, socket._handle.fd, takenId, chunk)) {
    engine.pending.delete(takenId);
    return false;
  }
  // When the connection comes back, the parser reads from another handle, which it cannot do before it leaves this one.
  if (works(() => parser.unconsume() === undefined)) parser._consumed = false;
  else taken.response = undefined;
  detachHandle(engine, socket, takenId);
  return true;
}

/**
 * @param {import('./install').Installation} installation
 * @param {any} socket the socket of an upgrade request
 * @returns {number | undefined} its descriptor, if the native side may take the socket
 */
function descriptorOf({ bridgeOnly, httpServer }, socket) {
  if (bridgeOnly) return undefined;
  // A listener that was added later also gets the socket, and may answer on it or end it.
  if (httpServer.listenerCount('upgrade') > 1) return undefined;
  // The response to an earlier request may still need the socket.
  const mayTake = works(() => isPlain(socket, 'upgrade') && !socket._httpMessage);
  return mayTake ? socket._handle.fd : undefined;
}

/**
 * The native side has taken the socket of a websocket.
 *
 * @param {import('./server').Service} service
 * @param {import('node:http').IncomingMessage} request
 * @param {any} socket
 * @param {number} takenId
 * @param {import('node:http').Server} server
 */
function leaveNode(service, request, socket, takenId, server) {
  const { engine } = service;
  socket.setTimeout(0);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_DELAY);
  keepAddresses(socket);
  const resource = new AsyncResource('SOCKJS');
  engine.pending.add({ socket, request, server, service, resource, kept: true }, takenId);
  detachHandle(engine, socket, takenId);
  engine.startPolling();
}

/**
 * Runs a check that uses private properties of Node. Another version of Node may have others, so the check may throw.
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
 * Whether a socket is one of Node's own, with a descriptor, empty buffers in both directions, and no observer.
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
    !isSocketObserved(socket, event)
  );
}

/**
 * Whether `restore` can bring back the state of Node's objects: the socket has this request and no other, and its
 * parser reads from the handle itself.
 *
 * @param {import('node:http').Server} httpServer
 * @param {any} request
 * @param {any} response
 */
function isRestorable(httpServer, request, response) {
  const { socket } = request;
  const { parser } = socket;
  return (
    socket._httpMessage === response &&
    // Otherwise another server has accepted the connection and passes its requests on. The limits of that server apply.
    socket.server === httpServer &&
    // The application has set a timeout, which notices only bytes that pass through Node.
    !(socket.timeout > 0) &&
    typeof parser.getCurrentBuffer === 'function' &&
    typeof parser.consume === 'function' &&
    typeof parser.unconsume === 'function' &&
    parser._consumed === true &&
    // Node's own listener, which makes the socket free for the next request.
    response.listenerCount('finish') === 1 &&
    !isRequestObserved(request, response)
  );
}

/**
 * The chunk that a parser of Node is parsing.
 *
 * @param {any} parser
 * @param {import('node:http').IncomingMessage} request
 * @returns {Buffer | undefined} undefined if the chunk does not begin with this request
 */
function currentChunk(parser, { method, url }) {
  const line = `${method} ${url} `;
  let chunk;
  const begins = works(() => {
    chunk = parser.getCurrentBuffer();
    return Buffer.isBuffer(chunk) && chunk.subarray(0, line.length).latin1Slice() === line;
  });
  return begins ? chunk : undefined;
}

/**
 * Gives a taken HTTP connection back to Node, which handles its next request or reports its fault. If Node's objects
 * are no longer as expected, the connection ends.
 *
 * @param {{ socket: any, response: any, kept: boolean }} taken
 * @param {number} fd
 * @param {number} fault one of `fault` in `src/addon/constants.rs`
 * @param {[number, number, Buffer]} value the numbers of bytes read and written meanwhile, and the bytes for Node to
 *   parse
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
  else if (fault !== NONE) report(socket, fault);
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
  // The native side has answered the request with which the connection was taken.
  response.emit('finish');
  if (fault !== NONE) return true;
  const { parser, _handle: handle } = socket;
  // The parser reads from the handle itself, unless a listener for 'data' has been added meanwhile.
  if (socket.listenerCount('data') === 1 && works(() => parser.consume(handle) === undefined)) {
    parser._consumed = true;
    handle._consumed = true;
  }
  handle.reading = true;
  return handle.readStart() === 0;
}

/**
 * Lets Node handle a fault as it does itself: it emits `'clientError'`, or answers and ends the connection.
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
 * @returns {Error} the same error as Node's
 */
function readError(errno) {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`read ${code}`), { errno, code, syscall: 'read' });
}

module.exports = { takeRequest, descriptorOf, leaveNode, giveBack };
