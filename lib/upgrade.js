'use strict';

/**
 * @file Upgrade requests: handshakes, and websockets on the bridge. Also `bridgeHandler`, the handler of applications
 * that dispatch requests themselves.
 */

const { AsyncResource } = require('node:async_hooks');
const { ServerResponse } = require('node:http');

const { requestText, serveRequest } = require('./bridge');
const { track, untrack } = require('./pending-streams');
const { BridgeOutput, KEEP_ALIVE_DELAY } = require('./bridge-output');
const { keepAddresses } = require('./request-info');
const { Buffer } = require('./globals');
const { readKey } = require('./hixie');
const { Upgraded, names } = require('./native');
const { endSoon, isOver } = require('./streams');
const { descriptorOf, leaveNode } = require('./takeover');
const { closeAfterUpgrade, serveWithoutUpgrade } = require('./without-upgrade');

const NOTHING_READ = Buffer.alloc(0);

/**
 * Makes the handler of a service for applications that dispatch requests themselves.
 *
 * @param {import('./server').Service} service
 * @returns {(request: any, response: any, head?: Buffer) => boolean}
 */
function bridgeHandler(service) {
  return (request, response, head) => {
    if (!service.claims(request.url)) return false;
    // For an upgrade request, the second argument is its socket.
    if (response instanceof ServerResponse || typeof response.writeHead === 'function') {
      closeAfterUpgrade(request, response);
      serveRequest(service, request, response);
    } else {
      serveUpgrade(service, request, response, head);
    }
    return true;
  };
}

/**
 * @param {import('./server').Service} service
 * @param {any} request
 * @param {any} socket
 * @param {Buffer} [read] the bytes after the request that Node has read
 * @param {import('./install').Installation} [installation] undefined if the application dispatches requests itself
 */
function serveUpgrade(service, request, socket, read = NOTHING_READ, installation) {
  if (isOver(socket)) return socket.destroy();
  upgrade(service, request, socket, read, installation);
}

/**
 * The native side answers the request and opens the websocket in one call. In a handshake of Hixie-76 whose third key
 * has not been read yet, a second call opens it.
 *
 * @param {import('./server').Service} service
 * @param {any} request
 * @param {any} socket
 * @param {Buffer} read
 * @param {import('./install').Installation} [installation]
 * @param {number[]} [challenge] in the second call, from the result of the first
 */
function upgrade(service, request, socket, read, installation, challenge) {
  const { engine } = service;
  const id = engine.pending.nextId();
  const result = callNative(service, {
    service: service.id,
    id,
    request: requestText(request, names.upgradeHeaders),
    secure: isSecure(request),
    read,
    fd: installation && descriptorOf(installation, socket),
    challenge,
  });
  if (result === undefined) return socket.destroy();
  const { upgraded, response } = result;
  if (upgraded === Upgraded.Plain) return serveWithoutUpgrade(service, request, socket, read);
  // Node has removed its own listener. Without one, an error ends the process.
  if (challenge === undefined) socket.on('error', ignore);
  if (upgraded === Upgraded.Refused) {
    // Bytes after the request are dropped. The socket closes after the answer even if the client does not end its side.
    socket.resume();
    socket.write(response);
    endSoon(socket);
  } else if (upgraded === Upgraded.NeedsKey) {
    return readKey(socket, read, response, (withKey) =>
      upgrade(service, request, socket, withKey, installation, result.challenge),
    );
  } else if (upgraded === Upgraded.Taken) {
    leaveNode(service, request, socket, id, installation.httpServer);
  } else {
    new BridgedWebsocket(engine, service, request, socket, id).begin();
  }
  // 'connection' is emitted in a tick of its own, after the first bytes have been written.
  engine.drainSoon();
}

function ignore() {}

/**
 * @param {import('./server').Service} service
 * @param {any} options of the native method
 * @returns {any} its result; undefined if it has failed, which ends only this connection
 */
function callNative(service, options) {
  try {
    return service.engine.native.upgrade(options);
  } catch (error) {
    service.log('error', `Exception on an upgrade:\n${error?.stack ?? error}`);
    return undefined;
  }
}

/**
 * Whether the connection uses TLS. faye-websocket decides in the same way.
 *
 * @param {any} request
 * @returns {boolean}
 */
function isSecure({ socket }) {
  return socket?.authorized !== undefined || Boolean(socket?.secure);
}

/** One websocket whose bytes pass through a stream of Node. */
class BridgedWebsocket extends BridgeOutput {
  /**
   * @param {import('./engine').Engine} engine
   * @param {import('./server').Service} service
   * @param {any} request
   * @param {any} socket
   * @param {number} id
   */
  constructor(engine, service, request, socket, id) {
    super(engine, service, request, socket, id);
    this.held = true;
    this.socket = socket;
    this.resource = new AsyncResource('SOCKJS');
    this.paused = false;
    /** Bytes that were read during a pause, and how many they are. @type {Buffer[]} */
    this.unfed = [];
    this.unfedBytes = 0;
  }

  begin() {
    const { engine, socket, id } = this;
    socket.setTimeout?.(0);
    socket.setNoDelay?.(true);
    socket.setKeepAlive?.(true, KEEP_ALIVE_DELAY);
    keepAddresses(socket);
    this.await();
    socket.on('data', (/** @type {Buffer} */ chunk) => {
      if (this.paused) return this.keep(chunk);
      engine.native.bridgeFeed(id, chunk);
      engine.drain();
    });
    socket.on('error', () => this.end());
    track(socket, this);
    if (socket.readableEnded) this.end();
  }

  /**
   * Before `'connection'` has been emitted, nothing is written: another listener for 'upgrade' may end the socket in
   * order to refuse the handshake. As in 0.3.24, its answer comes first.
   */
  flushLast() {
    if (this.resource === undefined) this.flush();
  }

  /** @param {boolean} paused whether to stop reading from the client */
  pause(paused) {
    this.paused = paused;
    if (paused) return;
    this.feedKept();
    this.socket.resume();
    this.engine.drainSoon();
  }

  /**
   * Keeps bytes that were read during a pause. Reading stops only at a limit: bytes in Node's own buffer are lost when
   * the socket is destroyed, and Node destroys a socket on which a write fails because the client has disconnected.
   *
   * @param {Buffer} chunk
   */
  keep(chunk) {
    this.unfed.push(chunk);
    this.unfedBytes += chunk.length;
    if (this.unfedBytes >= HOLD_MAX) this.socket.pause();
  }

  feedKept() {
    const { unfed } = this;
    this.unfed = [];
    this.unfedBytes = 0;
    for (const chunk of unfed) this.engine.native.bridgeFeed(this.id, chunk);
  }

  /** The client has disconnected, or everything has been written. */
  end() {
    const { engine, socket } = this;
    if (!this.retire()) return;
    untrack(socket, this);
    this.feedKept();
    if (this.held) engine.native.bridgeEnd(this.id);
    endSoon(socket);
    engine.drainSoon();
  }
}

/** Bytes that are read during a pause; then reading stops. */
const HOLD_MAX = 64 * 1024;

module.exports = { bridgeHandler, serveUpgrade };
