'use strict';

/**
 * @file Upgrade requests: handshakes, and websockets on the bridge. Also `bridgeHandler`, the handler of applications
 * that dispatch requests themselves.
 */

const { AsyncResource } = require('node:async_hooks');
const { ServerResponse } = require('node:http');

const { serveRequest } = require('./bridge');
const { track, untrack } = require('./pending-streams');
const { BridgeOutput, KEEP_ALIVE_DELAY } = require('./bridge-output');
const { keepAddresses } = require('./request-info');
const { Buffer } = require('./globals');
const { answerKey } = require('./hixie');
const { names } = require('./native');
const { endSoon, isOver } = require('./streams');
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
      serveUpgrade(service, request, response, head, undefined);
    }
    return true;
  };
}

/**
 * Answers an upgrade request, and opens a websocket if it is a valid handshake.
 *
 * @param {import('./server').Service} service
 * @param {any} request
 * @param {any} socket
 * @param {Buffer} [head] the bytes that Node has read after the request
 * @param {Function} [takeover] takes the socket, or returns false
 */
function serveUpgrade(service, request, socket, head = NOTHING_READ, takeover) {
  const { engine } = service;
  if (isOver(socket)) return socket.destroy();
  const judged = judge(service, request);
  if (judged === undefined) return socket.destroy();
  if (judged.verdict === 'plain') return serveWithoutUpgrade(service, request, socket, head);
  // Node has removed its own listener. Without one, an error ends the process.
  socket.on('error', ignore);
  if (judged.verdict === 'refuse') {
    // Bytes after the request are dropped. The socket closes after the answer even if the client does not end its side.
    socket.resume();
    socket.write(judged.response);
    endSoon(socket);
    return engine.drainSoon();
  }
  /**
   * @param {{ kind: number, response: Buffer }} accepted
   * @param {Buffer} read the bytes that have been read after the handshake
   */
  const open = (accepted, read) => {
    if (!takeover?.(service, request, socket, read, accepted)) {
      new BridgedWebsocket(engine, service, request, socket).begin(accepted, read);
    }
    // 'connection' is emitted in a tick of its own, after the first bytes have been written.
    engine.drainSoon();
  };
  if (judged.challenge) return answerKey(engine, socket, head, judged, open);
  return open(judged, head);
}

function ignore() {}

/**
 * @param {import('./server').Service} service
 * @param {any} request
 * @returns {any} undefined if the native side has failed; then only this client is disconnected
 */
function judge(service, request) {
  const { native } = service.engine;
  const { headers, method, socket, url } = request;
  const isOld = headers['sec-websocket-key1'] || headers['sec-websocket-key2'];
  const pairs = pick(headers);
  // faye-websocket decides in the same way whether the connection uses TLS.
  const secure = isOld && (socket?.authorized !== undefined || socket?.secure);
  try {
    return native.judgeUpgrade(service.id, method, url, pairs, Boolean(secure));
  } catch (error) {
    service.log('error', `Exception on an upgrade:\n${error?.stack ?? error}`);
    return undefined;
  }
}

/** One websocket whose bytes pass through a stream of Node. */
class BridgedWebsocket extends BridgeOutput {
  /**
   * @param {import('./engine').Engine} engine
   * @param {import('./server').Service} service
   * @param {any} request
   * @param {any} socket
   */
  constructor(engine, service, request, socket) {
    super(engine, service, request, socket);
    this.socket = socket;
    this.resource = new AsyncResource('SOCKJS');
    this.paused = false;
    /** Bytes that were read during a pause, and how many they are. @type {Buffer[]} */
    this.unfed = [];
    this.unfedBytes = 0;
  }

  /**
   * @param {{ kind: number, response: Buffer }} accepted
   * @param {Buffer} head
   */
  begin(accepted, head) {
    const { engine, service, socket, id } = this;
    socket.setTimeout?.(0);
    socket.setNoDelay?.(true);
    socket.setKeepAlive?.(true, KEEP_ALIVE_DELAY);
    keepAddresses(socket);
    this.held = true;
    this.await();
    try {
      engine.native.bridgeWebsocket(service.id, id, accepted.kind, accepted.response);
    } catch (error) {
      service.log('error', `Exception on an upgrade:\n${error?.stack ?? error}`);
      socket.destroy();
      return this.end();
    }
    if (head.length > 0) engine.native.bridgeFeed(id, head);
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

/**
 * The headers that the native side looks at, in pairs of name and value.
 *
 * @param {Record<string, any>} headers
 * @returns {string[]}
 */
function pick(headers) {
  const pairs = [];
  for (const name of names.upgradeHeaders) {
    const value = headers[name];
    if (value !== undefined) pairs.push(name, String(value));
  }
  return pairs;
}

module.exports = { bridgeHandler, serveUpgrade };
