'use strict';

/**
 * @file The door that works everywhere: Node parses and writes, the native side answers.
 */

const { AsyncResource } = require('node:async_hooks');
const { ServerResponse } = require('node:http');

const { keepAddresses } = require('./connection');

/** Request headers that the native side looks at; `src/addon/bridge.rs` has the same list. */
const HEADERS = [
  'origin',
  'access-control-request-headers',
  'cookie',
  'if-none-match',
  'content-type',
];
const UPGRADE_HEADERS = [
  'connection',
  'upgrade',
  'sec-websocket-version',
  'sec-websocket-key',
  'sec-websocket-extensions',
];

/** Milliseconds after which the kernel probes an idle connection, as in 0.3.24. */
const KEEP_ALIVE_DELAY = 5000;

/** Targets for which a `base_url` function is called. */
const INFO = /\/info\/?(?:\?.*)?$/;

/**
 * The handler of a listener, for those who dispatch requests themselves.
 *
 * @param {import('./server').Listener} listener
 * @returns {(request: any, response: any, head?: Buffer) => boolean}
 */
function bridgeHandler(listener) {
  return (request, response, head) => {
    if (!listener.claims(request.url)) return false;
    // An upgrade comes with its socket in the place of a response.
    if (response instanceof ServerResponse || typeof response.writeHead === 'function') {
      serveRequest(listener, request, response);
    } else {
      serveUpgrade(listener, request, response, head, undefined);
    }
    return true;
  };
}

/**
 * @param {import('./server').Listener} listener
 * @param {any} request
 * @param {any} response
 */
function serveRequest(listener, request, response) {
  const { engine } = listener;
  new BridgedResponse(engine, listener, request, response).begin();
}

/** One response that the native side writes through Node. */
class BridgedResponse {
  /**
   * @param {import('./engine').Engine} engine
   * @param {import('./server').Listener} listener
   * @param {any} request
   * @param {any} response
   */
  constructor(engine, listener, request, response) {
    this.engine = engine;
    this.listener = listener;
    this.request = request;
    this.response = response;
    this.socket = request.socket;
    /** @type {AsyncResource | undefined} */
    this.resource = undefined;
    this.server = undefined;
    /** The answer whose head has not been written, and its headers. */
    this.head = 0;
    /** @type {string[]} */
    this.headers = [];
    this.blocked = false;
    this.id = engine.remember(this);
  }

  begin() {
    const { engine, listener, request } = this;
    try {
      const { method, url } = request;
      this.callJsessionid();
      const baseUrl = this.callBaseUrl();
      const headers = headerLines(request.headers);
      const { native } = engine;
      const answer = native.bridgeRequest(listener.id, this.id, method, url, headers, baseUrl);
      if (answer & OPENED) this.resource = new AsyncResource('SOCKJS');
      if (answer === READ_BODY) this.readBody();
      else this.play(answer);
    } catch (error) {
      this.fail(error);
    }
    engine.drainSoon();
  }

  /** `base_url` may be a function, which is called for every `GET /info`. */
  callBaseUrl() {
    const { options } = this.listener;
    const { method, url } = this.request;
    if (typeof options.base_url !== 'function' || method !== 'GET' || !INFO.test(url)) {
      return undefined;
    }
    const value = options.base_url();
    return value === undefined ? undefined : JSON.stringify(value);
  }

  /**
   * A function among the options threw: 0.3.24 answers 500 and logs it.
   *
   * @param {any} error
   */
  fail(error) {
    const { request, response, listener } = this;
    const what = `"${request.method} ${request.url}"`;
    listener.log('error', `Exception on ${what}:\n${error?.stack ?? error}`);
    if (!response.headersSent) {
      response.writeHead(500);
      response.end('500 - Internal Server Error');
    }
    this.end();
  }

  /** A body is collected whole, up to its limit. */
  readBody() {
    const { request, engine, listener } = this;
    const limit = (listener.maxBody ??= engine.native.maxBody(listener.id));
    /** @type {Buffer[]} */
    let chunks = [];
    let length = 0;
    const finish = (/** @type {Buffer | undefined} */ body) => {
      request.removeListener('data', onData);
      request.removeListener('end', onEnd);
      chunks = [];
      const answer = engine.native.bridgeBody(this.id, body);
      if (answer !== READ_BODY) this.play(answer);
      engine.drain();
    };
    const onData = (/** @type {Buffer | string} */ chunk) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      length += bytes.length;
      // The rest of a body that is too long is dropped: a client that is still sending would lose the
      // answer when the connection closes. The http server's `requestTimeout` bounds it.
      if (length > limit) chunks = [];
      else chunks.push(bytes);
    };
    const onEnd = () => {
      if (length > limit) finish(undefined);
      else finish(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, length));
    };
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('close', () => {
      if (!request.complete) this.end();
    });
  }

  /** @param {number} answer */
  play(answer) {
    const { response, engine } = this;
    const headers = headersOf(engine, answer);
    if (answer & WHOLE) {
      writeHead(response, answer, headers);
      if (answer & BODY) response.end(engine.native.bridgeWholeBody());
      else response.end();
      this.end();
      return;
    }
    // Node sends the head with the first bytes of the body, as it does in 0.3.24.
    this.head = answer;
    this.headers = headers;
    const socket = this.socket;
    socket.setKeepAlive?.(true, KEEP_ALIVE_DELAY);
    // As in 0.3.24 they are known although Node destroys the socket at what follows in the same segment.
    keepAddresses(socket);
    this.onGone = () => this.end();
    response.on('close', this.onGone);
    // A half-closed connection counts as gone, although Node could still write to it.
    socket.on('end', this.onGone);
    // As in 0.3.24 the first bytes leave before Node looks at what follows the request.
    this.flush();
  }

  /** Lets a `jsessionid` function set what it wants, on the routes where 0.3.24 does. */
  callJsessionid() {
    const { listener, engine, request, response } = this;
    const { options } = listener;
    if (typeof options.jsessionid !== 'function') return;
    if (!engine.native.hasCookie(listener.id, request.method, request.url)) return;
    request.cookies = parseCookies(request.headers.cookie);
    options.jsessionid(request, response);
  }

  /** Writes what waits, as far as the client takes it. */
  flush() {
    const { response, engine } = this;
    while (!this.blocked) {
      const bytes = take(engine, this.id);
      if (bytes === NOTHING) return;
      if (this.head !== 0) {
        writeHead(response, this.head, this.headers);
        this.head = 0;
      }
      if (bytes === END || bytes === ABORTED) {
        if (bytes === END) response.end();
        else response.destroy();
        return this.end();
      }
      if (!response.write(bytes)) this.wait();
    }
  }

  /** Writes on when the client has taken what was written. */
  wait() {
    this.blocked = true;
    this.response.once('drain', () => {
      this.blocked = false;
      this.flush();
    });
  }

  /** The client is gone, or has everything. */
  end() {
    const { engine } = this;
    if (!engine.retire(this.id)) return;
    if (this.onGone) this.socket.removeListener('end', this.onGone);
    engine.native.bridgeEnd(this.id);
    engine.drainSoon();
  }
}

/** Where the native side puts bytes for a client, before they become a Buffer of their own. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

const NO_ROOM = Buffer.alloc(0);
/** What `bridgeTake` answers when the client has been given up. */
const GIVEN_UP = -2;

/** Answers of `take` that are no bytes. */
const NOTHING = Symbol('nothing waits');
const END = Symbol('nothing follows');
const ABORTED = Symbol('the client was given up');

/**
 * What is to be written to a client now.
 *
 * @param {import('./engine').Engine} engine
 * @param {number} id
 * @returns {Buffer | symbol}
 */
function take(engine, id) {
  const length = engine.native.bridgeTake(id, scratch);
  if (length > 0) return Buffer.from(scratch.subarray(0, length));
  if (length === 0) return NOTHING;
  return length === GIVEN_UP ? ABORTED : END;
}

/** What an answer of the native side means; `src/addon/bridge.rs` has the same numbers. */
const READ_BODY = 0;
const STATUS = 0x3ff;
const OPENED = 1 << 10;
const WHOLE = 1 << 11;
const BODY = 1 << 12;
const NEW_HEADERS = 1 << 13;
const HEADERS_SHIFT = 16;

/**
 * The headers of an answer. To be asked for when it is given: a waiting response writes its head later, and
 * their number may be another block's by then.
 *
 * @param {import('./engine').Engine} engine
 * @param {number} answer
 * @returns {string[]} name, value, name, value…
 */
function headersOf(engine, answer) {
  const number = answer >>> HEADERS_SHIFT;
  const { headerBlocks } = engine;
  if (answer & NEW_HEADERS) {
    headerBlocks[number] = parseHeaders(engine.native.bridgeHeaders(number));
  }
  return headerBlocks[number];
}

/**
 * @param {any} response
 * @param {number} answer
 * @param {string[]} headers
 */
function writeHead(response, answer, headers) {
  for (let i = 0; i < headers.length; i += 2) response.setHeader(headers[i], headers[i + 1]);
  response.writeHead(answer & STATUS);
}

/**
 * @param {string} text lines of `name: value`
 * @returns {string[]} name, value, name, value…
 */
function parseHeaders(text) {
  return text
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
}

/**
 * The headers that matter, a line for each of them.
 *
 * @param {Record<string, any>} headers
 */
function headerLines(headers) {
  let lines = '';
  for (const name of HEADERS) {
    const value = headers[name];
    lines += value === undefined ? '\n' : `=${value}\n`;
  }
  return lines;
}

/**
 * @param {import('./server').Listener} listener
 * @param {any} request
 * @param {any} socket
 * @param {Buffer} [head] what Node has read past the request
 * @param {Function} [takeover] takes the socket over, if it can
 */
function serveUpgrade(listener, request, socket, head = NO_ROOM, takeover) {
  const { engine } = listener;
  // Node has taken its own listener off.
  socket.on('error', ignore);
  const headers = pick(request.headers, UPGRADE_HEADERS);
  const judged = engine.native.judgeUpgrade(listener.id, request.method, request.url, headers);
  if (judged.verdict === 'plain') return serveWithoutUpgrade(listener, request, socket, head);
  if (judged.verdict === 'refuse') {
    socket.end(judged.response);
    return engine.drainSoon();
  }
  if (!takeover?.(listener, request, socket, head, judged)) {
    new BridgedWebsocket(engine, listener, request, socket).begin(judged, head);
  }
  // 'connection' follows in a tick of its own, after the first bytes.
  engine.drainSoon();
}

function ignore() {}

/** One websocket whose bytes go through a Node stream. */
class BridgedWebsocket {
  /**
   * @param {import('./engine').Engine} engine
   * @param {import('./server').Listener} listener
   * @param {any} request
   * @param {any} socket
   */
  constructor(engine, listener, request, socket) {
    this.engine = engine;
    this.listener = listener;
    this.request = request;
    this.socket = socket;
    /** @type {AsyncResource | undefined} */
    this.resource = new AsyncResource('SOCKJS');
    this.server = undefined;
    this.blocked = false;
    this.id = engine.remember(this);
  }

  /**
   * @param {{ raw: boolean, response: Buffer }} judged
   * @param {Buffer} head
   */
  begin(judged, head) {
    const { engine, listener, socket, id } = this;
    socket.setTimeout?.(0);
    socket.setNoDelay?.(true);
    socket.setKeepAlive?.(true, KEEP_ALIVE_DELAY);
    keepAddresses(socket);
    engine.native.bridgeWebsocket(listener.id, id, judged.raw, judged.response);
    if (head.length > 0) engine.native.bridgeFeed(id, head);
    socket.on('data', (/** @type {Buffer} */ chunk) => {
      engine.native.bridgeFeed(id, chunk);
      engine.drain();
    });
    const end = () => this.end();
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', end);
  }

  /** Writes what waits, as far as the client takes it. */
  flush() {
    const { engine, socket } = this;
    if (this.blocked) {
      // A client that takes nothing is given up in the end.
      if (engine.native.bridgeTake(this.id, NO_ROOM) === GIVEN_UP) socket.destroy();
      return;
    }
    while (!this.blocked) {
      const bytes = take(engine, this.id);
      if (bytes === NOTHING) return;
      if (bytes === END || bytes === ABORTED) {
        if (bytes === END) socket.end();
        else socket.destroy();
        return this.end();
      }
      if (!socket.write(bytes)) this.wait();
    }
  }

  /** Writes on when the client has taken what was written. */
  wait() {
    this.blocked = true;
    this.socket.once('drain', () => {
      this.blocked = false;
      this.flush();
    });
  }

  /** @param {boolean} paused whether to stop reading from the client */
  pause(paused) {
    if (paused) this.socket.pause();
    else this.socket.resume();
  }

  /** The client is gone, or has everything. */
  end() {
    const { engine, socket } = this;
    if (!engine.retire(this.id)) return;
    engine.native.bridgeEnd(this.id);
    socket.destroySoon();
    engine.drainSoon();
  }
}

/**
 * An upgrade request for a route that is no websocket is answered as the same request without
 * `Upgrade`, and then its connection closes (deviation 3): Node reads it again in that form.
 *
 * @param {import('./server').Listener} listener
 * @param {import('node:http').IncomingMessage} request
 * @param {any} socket
 * @param {Buffer} head
 */
function serveWithoutUpgrade(listener, request, socket, head) {
  const earlier = socket._httpMessage;
  if (earlier) {
    // Only when the responses before it have been written; if the client goes before that, never.
    const again = () => serveWithoutUpgrade(listener, request, socket, head);
    return earlier.once('finish', () => socket.destroyed || setImmediate(again));
  }
  const { server } = socket;
  if (server === undefined) {
    // Not a socket of an http server's: there is nobody to read it again, so its body is not read.
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => socket.end());
    return serveRequest(listener, request, response);
  }
  const { method, url, httpVersion, rawHeaders } = request;
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (/^(?:connection|upgrade)$/i.test(rawHeaders[index])) continue;
    text += `${rawHeaders[index]}: ${rawHeaders[index + 1]}\r\n`;
  }
  text += 'Connection: close\r\n\r\n';
  socket.unshift(Buffer.concat([Buffer.from(text, 'latin1'), head]));
  server.emit(socket.encrypted ? 'secureConnection' : 'connection', socket);
}

/**
 * The pairs of name and value of some headers.
 *
 * @param {Record<string, any>} headers
 * @param {string[]} names
 * @returns {string[]}
 */
function pick(headers, names) {
  const pairs = [];
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined) pairs.push(name, String(value));
  }
  return pairs;
}

/**
 * @param {string | undefined} header
 * @returns {Record<string, string>}
 */
function parseCookies(header) {
  /** @type {Record<string, string>} */
  const cookies = Object.create(null);
  if (!header) return cookies;
  for (const cookie of header.split(';')) {
    // 0.3.24 cuts a value at its second '='.
    const [name, value = ''] = cookie.split('=');
    cookies[name.trim()] = value.trim();
  }
  return cookies;
}

module.exports = { bridgeHandler, serveRequest, serveUpgrade };
