'use strict';

/**
 * @file Answers upgrade requests for routes that are not websockets: as if they had no `Upgrade` header. Then their
 * connections close (deviation 3).
 */

const http = require('node:http');

const { serveRequest } = require('./bridge');
const { Buffer, setImmediate } = require('./globals');
const { endSoon, isOver, peek } = require('./streams');

/**
 * Sockets that close after their next request. `closeAfterUpgrade` is called for every request, so there is no set
 * until it is needed.
 *
 * @type {WeakSet<object> | undefined}
 */
let closingSockets;

/**
 * Notes that Node emits `'request'` next for an upgrade request, instead of `'upgrade'`.
 *
 * @param {import('node:http').IncomingMessage} request
 */
function declineUpgrade(request) {
  (closingSockets ??= new WeakSet()).add(request.socket);
}

/**
 * Makes the connection close after this response, if `declineUpgrade` was called for the request.
 *
 * @param {any} request
 * @param {any} response
 * @returns {boolean} whether it was called
 */
function closeAfterUpgrade(request, response) {
  if (closingSockets === undefined || !closingSockets.delete(request.socket)) return false;
  response.shouldKeepAlive = false;
  return true;
}

/**
 * Answers a request that Node has already upgraded. Before version 25, Node leaves the body on the socket. Later
 * versions read the body into the request, and until the body is complete, `socket` is a stream that Node has made.
 *
 * @param {import('./server').Service | undefined} service undefined if the request belongs to no service
 * @param {import('node:http').IncomingMessage} request
 * @param {any} socket
 * @param {Buffer} head
 * @param {any} [httpServer]
 */
function serveWithoutUpgrade(service, request, socket, head, httpServer = serverOf(request)) {
  if (isOver(socket)) return socket.destroy();
  // Node has removed its own listener. Without one, an error ends the process.
  socket.on('error', ignore);
  const earlier = peek(request.socket, '_httpMessage');
  if (typeof earlier?.once === 'function') {
    return afterResponse(earlier, request, socket, head, (read) =>
      serveWithoutUpgrade(service, request, socket, read, httpServer),
    );
  }
  const hasBody = READS_BODIES || !request.complete || request.readableLength > 0;
  if (hasBody || httpServer === undefined) {
    const response = responseTo(request, socket);
    if (response === undefined) socket.destroy();
    else answer(service, request, response, socket, httpServer);
  } else {
    readAgain(request, socket, head, httpServer);
  }
}

/** Whether Node reads the body of an upgrade request into the request. */
const READS_BODIES = Number(process.versions.node.split('.')[0]) >= 25;

/**
 * @param {any} request
 * @returns {any} the http server of the request, if it is known
 */
function serverOf(request) {
  const server = peek(request.socket, 'server');
  return typeof server?.emit === 'function' ? server : undefined;
}

/**
 * Lets Node parse the request again, without its upgrade headers, and the bytes that follow it.
 *
 * @param {import('node:http').IncomingMessage} request
 * @param {any} socket
 * @param {Buffer} head
 * @param {any} httpServer
 */
function readAgain(request, socket, head, httpServer) {
  const { method, url, httpVersion, rawHeaders } = request;
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (/^(?:connection|upgrade)$/i.test(rawHeaders[index])) continue;
    text += `${rawHeaders[index]}: ${rawHeaders[index + 1]}\r\n`;
  }
  declineUpgrade(request);
  socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]));
  connect(httpServer, socket);
  // If the socket was paused, Node's 'data' listener alone does not make it read again.
  socket.resume();
}

/**
 * Lets Node parse requests from a socket again. If Node's own listener can be found, only that is called, because the
 * application has already been told of this connection.
 *
 * @param {any} httpServer
 * @param {any} socket
 */
function connect(httpServer, socket) {
  const event = socket.encrypted ? 'secureConnection' : 'connection';
  const node = peek(http, '_connectionListener');
  if (httpServer.listeners(event).includes(node)) node.call(httpServer, socket);
  else httpServer.emit(event, socket);
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {any} socket
 * @returns {http.ServerResponse | undefined} undefined if Node does not allow a response on this socket
 */
function responseTo(request, socket) {
  const response = new http.ServerResponse(request);
  response.shouldKeepAlive = false;
  try {
    response.assignSocket(socket);
    return response;
  } catch {
    return undefined;
  }
}

/**
 * Answers a request on its own socket. Node reads the body if it can; other bytes on the socket are dropped.
 *
 * @param {import('./server').Service | undefined} service
 * @param {import('node:http').IncomingMessage} request
 * @param {http.ServerResponse} response
 * @param {any} socket
 * @param {any} httpServer
 */
function answer(service, request, response, socket, httpServer) {
  const end = () => endSoon(socket);
  response.on('finish', end);
  response.on('close', () => {
    if (!request.complete) request.destroy();
  });
  socket.on('drain', () => response.emit('drain'));
  socket.on('timeout', () => socket.destroy());
  // A socket must be read to notice that its client disconnects. Node reads it until the body is complete; after that, `resume` does.
  socket.on('end', end);
  if (request.complete) socket.resume();
  else request.once('end', () => socket.resume());
  if (!request.complete && /^100-continue$/i.test(request.headers.expect ?? '')) {
    response.writeContinue();
  }
  if (service !== undefined) serveRequest(service, request, response);
  else httpServer.emit('request', request, response);
}

/**
 * Calls `then` when the earlier response of the connection has been written, unless the client disconnects before.
 * Until then the client's bytes are read and kept (at most `HOLD_MAX`), because a socket must be read to notice that its
 * client disconnects. From Node 25 on, `socket` may be a stream that Node has made. Then Node reads the connection, and
 * nothing is kept here.
 *
 * @param {import('node:http').ServerResponse} earlier
 * @param {import('node:http').IncomingMessage} request
 * @param {any} socket
 * @param {Buffer} head the bytes that have been read already
 * @param {(read: Buffer) => void} then gets these bytes, and those that were read since
 */
function afterResponse(earlier, request, socket, head, then) {
  const read = [head];
  let length = head.length;
  const keep = (/** @type {Buffer} */ chunk) => {
    read.push(chunk);
    length += chunk.length;
    if (length > HOLD_MAX) socket.destroy();
  };
  const onEnd = () => endSoon(socket);
  const reads = socket === request.socket;
  if (reads) socket.on('data', keep);
  socket.on('end', onEnd);
  earlier.once('finish', () => {
    setImmediate(() => {
      socket.removeListener('data', keep);
      socket.removeListener('end', onEnd);
      if (isOver(socket)) return;
      if (reads) socket.pause();
      then(Buffer.concat(read, length));
    });
  });
}

function ignore() {}

/** Bytes that a client may send after an upgrade request that waits for an earlier response. */
const HOLD_MAX = 64 * 1024;

module.exports = { closeAfterUpgrade, declineUpgrade, serveWithoutUpgrade };
