'use strict';

/**
 * @file Requests by the bridge: Node parses and writes, the native side answers.
 */

const { AsyncResource } = require('node:async_hooks');

const { track, untrack } = require('./pending-streams');
const { BridgeOutput, KEEP_ALIVE_DELAY } = require('./bridge-output');
const { keepAddresses } = require('./request-info');
const { Buffer, JSON } = require('./globals');
const { isOver, peek } = require('./streams');

/** Targets for which a `base_url` function is called. */
const INFO = /\/info\/?(?:\?.*)?$/;

/**
 * @param {import('./server').Service} service
 * @param {any} request
 * @param {any} response
 */
function serveRequest(service, request, response) {
  const { engine } = service;
  // Messages that came before this request are answered before it, as in 0.3.24: a poll gets these answers.
  engine.drain();
  new BridgedResponse(engine, service, request, response).begin();
}

/** One response that the native side writes through Node. */
class BridgedResponse extends BridgeOutput {
  /**
   * @param {import('./engine').Engine} engine
   * @param {import('./server').Service} service
   * @param {any} request
   * @param {any} response
   */
  constructor(engine, service, request, response) {
    super(engine, service, request, response);
    this.response = response;
    this.socket = request.socket;
  }

  begin() {
    const { engine, service, request, response } = this;
    try {
      const { method, url } = request;
      this.callJsessionid();
      const baseUrl = this.callBaseUrl();
      if (this.isOver()) return this.end();
      if (response.headersSent) throw new Error('somebody else has begun to answer');
      const text = `${headerLines(request.headers)}${method} ${url}`;
      this.held = true;
      const answer = engine.native.bridgeRequest(service.id, this.id, text, baseUrl);
      if (answer & OPENED) this.resource = new AsyncResource('SOCKJS');
      if (answer === READ_BODY) this.readBody();
      else this.play(answer);
    } catch (error) {
      this.fail(error);
    }
    engine.drainSoon();
  }

  /** The application may look something up before it calls a handler; the client may be gone by then. */
  isOver() {
    return isOver(this.response) || peek(this.socket, 'destroyed') === true;
  }

  /** `base_url` may be a function, which is called for every `GET /info`. */
  callBaseUrl() {
    const { options } = this.service;
    const { method, url } = this.request;
    if (typeof options.base_url !== 'function' || method !== 'GET' || !INFO.test(url)) {
      return undefined;
    }
    const value = options.base_url();
    return value === undefined ? undefined : JSON.stringify(value);
  }

  /**
   * A function among the options threw, or the native side has failed: 0.3.24 answers 500 and logs it.
   *
   * @param {any} error
   */
  fail(error) {
    const { request, response, service } = this;
    const what = `"${request.method} ${request.url}"`;
    service.log('error', `Exception on ${what}:\n${error?.stack ?? error}`);
    if (!response.headersSent) {
      response.writeHead(500);
      response.end('500 - Internal Server Error');
    }
    this.end();
  }

  /** A body is collected whole, up to its limit. */
  readBody() {
    const { request, response, engine, service } = this;
    const limit = (service.maxBody ??= engine.native.maxBody(service.id));
    const body = new Body(limit);
    const onData = (/** @type {Buffer | string} */ chunk) => {
      body.add(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    };
    // Somebody has read it: what is left of it is nothing.
    if (request.readableEnded) return this.answerBody(body.take());
    if (request.destroyed) return this.end();
    const stop = () => {
      request.removeListener('data', onData);
      request.removeListener('end', onEnd);
      request.removeListener('close', onClose);
      response.removeListener('close', onClose);
    };
    const onEnd = () => {
      stop();
      this.answerBody(body.take());
      engine.drain();
    };
    const onClose = () => {
      stop();
      this.end();
    };
    request.on('data', onData);
    request.on('end', onEnd);
    // Where the request had been upgraded, only the response hears of it.
    request.on('close', onClose);
    response.on('close', onClose);
  }

  /**
   * Answers when the body is there; one for a paused connection when that is resumed, which holds its
   * client back.
   *
   * @param {Buffer | undefined} body undefined when it was too long
   */
  answerBody(body) {
    const { native, sessions } = this.engine;
    try {
      const answer = native.bridgeBody(this.id, body);
      if (answer === WAIT) {
        const session = sessions[native.bridgeWaitsFor(this.id)];
        session?._holdSender(() => {
          this.answerBody(body);
          this.engine.drainSoon();
        });
      } else if (answer !== READ_BODY) {
        this.play(answer);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** @param {number} answer */
  play(answer) {
    const { response, engine } = this;
    // Node sends the head with the first bytes of the body; that it is written can be seen, as in 0.3.24.
    writeHead(response, answer, headersOf(engine, answer));
    if (answer & WHOLE) {
      this.held = false;
      if (answer & BODY) response.end(engine.native.bridgeWholeBody());
      else response.end();
      this.end();
      return;
    }
    this.await();
    const socket = this.socket;
    socket.setKeepAlive?.(true, KEEP_ALIVE_DELAY);
    // As in 0.3.24 they are known although Node destroys the socket at what follows in the same segment.
    keepAddresses(socket);
    track(response, this);
    // A half-closed connection counts as gone, although Node could still write to it. Over HTTP/2 this stands
    // for a stream, which ends with the request.
    const isConnection = this.request.httpVersionMajor < 2;
    if (isConnection) track(socket, this);
    // As in 0.3.24 the first bytes are written before Node looks at what follows the request.
    if (answer & BODY) this.flushFirst();
    if (isConnection && socket.readableEnded) this.end();
  }

  /** Lets a `jsessionid` function set what it wants, on the routes where 0.3.24 does. */
  callJsessionid() {
    const { service, engine, request, response } = this;
    const { options } = service;
    if (typeof options.jsessionid !== 'function') return;
    if (!engine.native.hasCookie(service.id, request.method, request.url)) return;
    request.cookies = parseCookies(request.headers.cookie);
    options.jsessionid(request, response);
  }

  corked() {
    return this.request.httpVersionMajor < 2 ? this.response.socket : undefined;
  }

  /** The client is gone, or has everything. */
  end() {
    const { engine } = this;
    if (!this.retire()) return;
    untrack(this.response, this);
    untrack(this.socket, this);
    if (this.held) engine.native.bridgeEnd(this.id);
    engine.drainSoon();
  }
}

/** A request body, as much of it as its limit allows. */
class Body {
  /** @param {number} limit in bytes */
  constructor(limit) {
    this.limit = limit;
    this.length = 0;
    /** Grows by doubling: a list of chunks would cost much more than chunks of one byte bring. */
    this.bytes = NOTHING;
  }

  /** @param {Buffer} chunk */
  add(chunk) {
    const length = this.length + chunk.length;
    if (length > this.limit) {
      // The rest of a body that is too long is dropped: a client that is still sending would lose the
      // answer when the connection closes. The http server's `requestTimeout` bounds it.
      this.limit = -1;
      this.bytes = NOTHING;
      return;
    }
    if (this.length === 0) {
      this.bytes = chunk;
    } else {
      if (length > this.bytes.length) {
        const larger = Buffer.allocUnsafeSlow(Math.min(2 * length, this.limit));
        this.bytes.copy(larger);
        this.bytes = larger;
      }
      chunk.copy(this.bytes, this.length);
    }
    this.length = length;
  }

  /** @returns {Buffer | undefined} all of it, or undefined when it was too long */
  take() {
    return this.limit < 0 ? undefined : this.bytes.subarray(0, this.length);
  }
}

const NOTHING = Buffer.alloc(0);

/** What an answer of the native side means; `src/addon/bridge.rs` has the same numbers. */
const READ_BODY = 0;
const WAIT = 1;
const STATUS = 0x3ff;
const OPENED = 1 << 10;
const WHOLE = 1 << 11;
const BODY = 1 << 12;
const NEW_HEADERS = 1 << 13;
const HEADERS_SHIFT = 16;

/**
 * The headers of an answer, to be asked for when it is given: their number may be another block's later.
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
 * The request headers that the native side looks at, a line for each; `src/addon/bridge.rs` has the same
 * list.
 *
 * @param {Record<string, any>} headers
 */
function headerLines(headers) {
  return (
    headerLine(headers.origin) +
    headerLine(headers['access-control-request-headers']) +
    headerLine(headers.cookie) +
    headerLine(headers['if-none-match']) +
    headerLine(headers['content-type'])
  );
}

/** @param {any} value */
function headerLine(value) {
  return value === undefined ? '\n' : `=${value}\n`;
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

module.exports = { serveRequest };
