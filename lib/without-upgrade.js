'use strict';

/**
 * @file Upgrade requests that are answered as if they were none (deviation 3), and their connections then
 * closed.
 */

const http = require('node:http');

const { serveRequest } = require('./bridge');
const { Buffer, setImmediate } = require('./globals');
const { endSoon, isOver, peek } = require('./streams');

/**
 * Sockets whose next request is the last one that they bring.
 *
 * @type {WeakSet<object> | undefined} undefined until there is one: every request is asked about
 */
let last;

/**
 * Where Node asks whether a request is to be upgraded (from 22.21 on, and Bun and Deno), it learns here that
 * this one is not: it gives it to the listeners of `request` then, with all that belongs to it.
 *
 * @param {import('node:http').IncomingMessage} request
 */
function declineUpgrade(request) {
  (last ??= new WeakSet()).add(request.socket);
}

/**
 * A request has come; one that wanted an upgrade is the last of its connection.
 *
 * @param {any} request
 * @param {any} response
 * @returns {boolean} whether it is that
 */
function closeAfterUpgrade(request, response) {
  if (last === undefined || !last.delete(request.socket)) return false;
  response.shouldKeepAlive = false;
  return true;
}

/**
 * Answers a request that Node has already upgraded. Node leaves the body on the socket. From version 25 on it
 * reads the body into the request, and until the body is complete `socket` is a stream of Node's own.
 *
 * @param {import('./server').Service | undefined} service undefined: no service claims the request
 * @param {import('node:http').IncomingMessage} request
 * @param {any} socket
 * @param {Buffer} head
 * @param {any} [httpServer]
 */
function serveWithoutUpgrade(service, request, socket, head, httpServer = serverOf(request)) {
  if (isOver(socket)) return socket.destroy();
  // Node has taken its own listener off.
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
 * Node reads the request again, without `Upgrade`, and what follows it.
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
  // A paused socket stays paused when a 'data' listener is added.
  socket.resume();
}

/**
 * Lets Node read requests from a socket that the application knows already. Only Node's own listener of the event
 * is called, where it can be found.
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
 * @returns {http.ServerResponse | undefined} undefined where this version of Node uses the socket for something else
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
 * Answers a request whose body Node reads: only a response was missing. Bytes after the request are dropped.
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
  // Only reading shows that a client has gone. Node's own stream reads the rest of the body when it is read.
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
 * Calls `then` when the earlier response of the connection has been written, or never if the client goes before.
 * Until then the bytes of the client are read, because Node no longer notices that it has gone, unless Node still
 * reads a body.
 *
 * @param {import('node:http').ServerResponse} earlier
 * @param {import('node:http').IncomingMessage} request
 * @param {any} socket
 * @param {Buffer} head what has been read already
 * @param {(read: Buffer) => void} then gets these bytes and those that came since
 */
function afterResponse(earlier, request, socket, head, then) {
  const read = [head];
  let length = head.length;
  const keep = (/** @type {Buffer} */ chunk) => {
    read.push(chunk);
    length += chunk.length;
    if (length > HOLD_MAX) socket.destroy();
  };
  const leave = () => endSoon(socket);
  const reads = socket === request.socket;
  if (reads) socket.on('data', keep);
  socket.on('end', leave);
  earlier.once('finish', () => {
    setImmediate(() => {
      socket.removeListener('data', keep);
      socket.removeListener('end', leave);
      if (isOver(socket)) return;
      if (reads) socket.pause();
      then(Buffer.concat(read, length));
    });
  });
}

function ignore() {}

/** Bytes that a client may send behind an upgrade request which waits for an earlier response. */
const HOLD_MAX = 64 * 1024;

module.exports = { closeAfterUpgrade, declineUpgrade, serveWithoutUpgrade };
