'use strict';

/**
 * @file The fast door, as far as it is JavaScript's: sockets leave Node and come back.
 */

const diagnostics = require('node:diagnostics_channel');
const { AsyncResource } = require('node:async_hooks');
const { Socket } = require('node:net');

const { keepAddresses } = require('./connection');
const { Buffer, clearInterval, setInterval } = require('./globals');

/** Subscribers of this channel want to see every request. */
const requestStart = diagnostics.channel('http.server.request.start');

/** Milliseconds after which the kernel probes an idle connection, as in 0.3.24. */
const KEEP_ALIVE_DELAY = 5000;

/**
 * Takes the connection of a request, if nobody but us can miss it.
 *
 * @param {import('./install').Installation} installation
 * @param {import('./server').Listener} listener
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 * @returns {boolean} false leaves everything as it was
 */
function takeRequest(installation, listener, request, response) {
  const { httpServer, engine } = installation;
  const { socket } = request;
  if (
    typeof listener.options.jsessionid === 'function' ||
    !installation.isAlone() ||
    requestStart.hasSubscribers ||
    !isPlain(socket) ||
    socket._httpMessage !== response ||
    typeof socket.parser?.getCurrentBuffer !== 'function' ||
    // What these do cannot be seen from here.
    socket.timeout > 0 ||
    httpServer.maxRequestsPerSocket > 0
  ) {
    return false;
  }
  const read = socket.parser.getCurrentBuffer();
  const line = `${request.method} ${request.url} `;
  if (!Buffer.isBuffer(read) || read.subarray(0, line.length).latin1Slice() !== line) return false;
  installation.configure();
  socket.setKeepAlive(true, KEEP_ALIVE_DELAY);
  keepAddresses(socket);
  const resource = new AsyncResource('SOCKJS');
  const taken = { socket, request: undefined, server: httpServer, installation, resource };
  const token = engine.remember(taken);
  if (!engine.native.takeHttp(installation.host, socket._handle.fd, token, read)) {
    engine.pending.delete(token);
    return false;
  }
  letGo(engine, socket, token);
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
   * @param {import('./server').Listener} listener
   * @param {import('node:http').IncomingMessage} request
   * @param {any} socket
   * @param {Buffer} head
   * @param {{ kind: number, response: Buffer }} accepted
   * @returns {boolean} false leaves everything as it was
   */
  return (listener, request, socket, head, accepted) => {
    const { engine } = listener;
    // Listeners that were added later get the socket too, and may answer on it or end it.
    if (installation.httpServer.listenerCount('upgrade') > 1) return false;
    // An earlier request may still be being answered: its response needs the socket.
    if (!isPlain(socket) || socket._httpMessage || socket.listenerCount('data') > 0) return false;
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY);
    keepAddresses(socket);
    const resource = new AsyncResource('SOCKJS');
    const server = installation.httpServer;
    const token = engine.remember({ socket, request, server, listener, resource });
    const { fd } = socket._handle;
    const { kind, response } = accepted;
    if (!engine.native.takeWebsocket(listener.id, fd, token, kind, response, head)) {
      engine.pending.delete(token);
      return false;
    }
    letGo(engine, socket, token);
    engine.watch();
    return true;
  };
}

/**
 * Whether a socket is one of Node's own, with a descriptor and nothing on its way in either direction.
 *
 * @param {any} socket
 */
function isPlain(socket) {
  return (
    socket !== null &&
    socket !== undefined &&
    socket.constructor === Socket &&
    !socket.destroyed &&
    typeof socket._handle?.fd === 'number' &&
    socket._handle.fd >= 0 &&
    typeof socket._handle.close === 'function' &&
    socket.writableLength === 0 &&
    socket.readableLength === 0 &&
    socket.write === Socket.prototype.write
  );
}

/**
 * The socket loses its handle without closing the connection, and stays as its token: Node's accounts
 * go on counting it, and whoever destroys it ends the connection.
 *
 * @param {import('./engine').Engine} engine
 * @param {any} socket
 * @param {number} token
 */
function letGo(engine, socket, token) {
  const handle = socket._handle;
  socket._handle = null;
  handle.onread = ignore;
  handle.close();
  engine.hold(1);
  socket[kTaken] = { engine, token, timer: undefined };
  // Functions that all tokens share: an idle client should cost little.
  socket.setTimeout = setIdleTimeout;
  socket._final = flushLast;
  socket.on('finish', socket.destroy);
  socket.on('close', abandon);
}

/** What is known of a token. */
const kTaken = Symbol('taken');

/**
 * `end()`, with which hapi's `stop()` and others end connections, would find no handle to shut down.
 *
 * @this {any}
 * @param {() => void} callback
 */
function flushLast(callback) {
  this[kTaken].engine.flush();
  callback();
}

/**
 * The token has been destroyed, by us or by somebody else.
 *
 * @this {any}
 */
function abandon() {
  const { engine, token, timer } = this[kTaken];
  clearInterval(timer);
  if (engine.release(token)) engine.native.abandon(token);
}

/**
 * `setTimeout` of a token, as Meteor calls it: the traffic is on the native side, so its counter is
 * looked at four times in the period, and `'timeout'` comes when it has not moved for all of it.
 *
 * @this {any}
 * @param {number} milliseconds
 * @param {() => void} [callback]
 */
function setIdleTimeout(milliseconds, callback) {
  const taken = this[kTaken];
  const { engine, token } = taken;
  clearInterval(taken.timer);
  taken.timer = undefined;
  if (callback) this.once('timeout', callback);
  if (!(milliseconds > 0)) return this;
  let seen = engine.native.transfers(token);
  let quiet = 0;
  const look = () => {
    const now = engine.native.transfers(token);
    quiet = now === seen ? quiet + 1 : 0;
    seen = now;
    if (quiet < LOOKS) return;
    quiet = 0;
    this.emit('timeout');
  };
  taken.timer = setInterval(look, milliseconds / LOOKS).unref();
  return this;
}

/** How often in a period the traffic is looked at. */
const LOOKS = 4;

function ignore() {}

/**
 * A taken HTTP connection whose next request is Node's comes back as a new socket.
 *
 * @param {{ socket: any, server: any }} taken
 * @param {number} fd
 * @param {Buffer} bytes what has been read of the next request
 */
function giveBack({ socket, server }, fd, bytes) {
  const successor = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
  // Somebody has ended it meanwhile.
  if (socket.destroyed) return void successor.destroy();
  successor.server = server;
  successor._server = server;
  successor.unshift(bytes);
  // The account passes from the token to its successor without ever reaching zero.
  server._connections++;
  // After the token's 'close': server-destroy knows a connection by its address, and forgets it then.
  socket.once('close', () => server.emit('connection', successor));
  socket.destroy();
}

module.exports = { takeRequest, takeUpgrade, giveBack };
