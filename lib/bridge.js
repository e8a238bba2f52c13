'use strict';

/**
 * @file Requests on the bridge: Node parses them and writes the responses, the native side makes the answers.
 */

const { AsyncResource } = require('node:async_hooks');

const { track, untrack } = require('./pending-streams');
const { BridgeOutput, KEEP_ALIVE_DELAY } = require('./bridge-output');
const { keepAddresses } = require('./request-info');
const { Buffer, JSON } = require('./globals');
const { answer: bits, names: declared } = require('./native');
const { isOver, peek } = require('./streams');

const { BODY, HEADERS_SHIFT, NEW_HEADERS, OPENED, READ_BODY, STATUS, WAIT, WHOLE } = bits;

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

/** One response whose bytes the native side makes and Node writes. */
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
      if (response.headersSent) throw new Error('the application has already sent a head');
      const { headers } = request;
      const text = requestText({ method, url, headers }, declared.requestHeaders);
      this.held = true;
      const answer = engine.native.bridgeRequest(service.id, this.id, text, baseUrl);
      if (answer & OPENED) this.resource = new AsyncResource('SOCKJS');
      if (answer === READ_BODY) this.readBody();
      else this.writeAnswer(answer);
    } catch (error) {
      this.fail(error);
    }
    engine.drainSoon();
  }

  /** Whether the client has disconnected, for example while the application waited before it called the handler. */
  isOver() {
    return isOver(this.response) || peek(this.socket, 'destroyed') === true;
  }

  /**
   * Calls `base_url`, if it is a function and this is `GET /info`.
   *
   * @returns {string | undefined} JSON text
   */
  callBaseUrl() {
    const { service, engine, request } = this;
    const { options } = service;
    if (typeof options.base_url !== 'function') return undefined;
    if (!engine.native.isInfo(service.id, request.method, request.url)) return undefined;
    const value = options.base_url();
    return value === undefined ? undefined : JSON.stringify(value);
  }

  /**
   * Answers 500 and logs the exception, as 0.3.24 does if a function of the options throws.
   *
   * @param {any} error of such a function, or of the native side
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

  /** Collects the body, and then answers. */
  readBody() {
    const { request, response, engine, service } = this;
    const limit = (service.maxBody ??= engine.native.maxBody(service.id));
    const body = new Body(limit);
    const onData = (/** @type {Buffer | string} */ chunk) => {
      body.add(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    };
    // The application has read the body, so nothing is left of it.
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
    // If Node had upgraded the request, only the response emits 'close'.
    request.on('close', onClose);
    response.on('close', onClose);
  }

  /**
   * Answers after the body has arrived. If it is for a paused connection, answers when that resumes, so that its client
   * sends no more.
   *
   * @param {Buffer | undefined} body undefined if it was too long
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
        this.writeAnswer(answer);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * Writes an answer of the native side.
   *
   * @param {number} answer
   */
  writeAnswer(answer) {
    const { response, engine } = this;
    // Node sends the head with the first bytes of the body. As in 0.3.24, `headersSent` is true before.
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
    // As in 0.3.24, the addresses are known even if Node destroys the socket because of the bytes after the request.
    keepAddresses(socket);
    track(response, this);
    // If the client ends its side of the connection, it counts as disconnected, although Node could still write to it.
    // Over HTTP/2, `socket` represents a stream, whose readable side always ends with the request.
    const isConnection = this.request.httpVersionMajor < 2;
    if (isConnection) track(socket, this);
    // As in 0.3.24, the first bytes are written before Node parses the bytes after the request.
    if (answer & BODY) this.flushFirst();
    if (isConnection && socket.readableEnded) this.end();
  }

  /** Calls `jsessionid`, if it is a function and 0.3.24 calls it for this request. */
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

  /** The client has disconnected, or everything has been written. */
  end() {
    const { engine } = this;
    if (!this.retire()) return;
    untrack(this.response, this);
    untrack(this.socket, this);
    if (this.held) engine.native.bridgeEnd(this.id);
    engine.drainSoon();
  }
}

/** Collects a request body, up to a limit. */
class Body {
  /** @param {number} limit in bytes */
  constructor(limit) {
    this.limit = limit;
    this.length = 0;
    /** Doubles when it is full. If each chunk has one byte, a list of chunks would take far more memory. */
    this.bytes = NOTHING;
  }

  /** @param {Buffer} chunk */
  add(chunk) {
    const length = this.length + chunk.length;
    if (length > this.limit) {
      // The rest of the body is read and dropped: if the connection closed while the client sends, the client would
      // lose the answer. The http server's `requestTimeout` limits the time.
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

  /** @returns {Buffer | undefined} the body; undefined if it was too long */
  take() {
    return this.limit < 0 ? undefined : this.bytes.subarray(0, this.length);
  }
}

const NOTHING = Buffer.alloc(0);

/**
 * The headers of an answer. It must be called before the next request: later, their number may belong to others.
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
 * @param {{ method: string, url: string, headers: Record<string, any> }} request
 * @param {string[]} names of the headers that the native side expects
 * @returns {string} a line for each of the headers, then method and target
 */
function requestText({ method, url, headers }, names) {
  let lines = '';
  for (const name of names) lines += headerLine(headers[name]);
  return `${lines}${method} ${url}`;
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
    // 0.3.24: a value ends at its second '='.
    const [name, value = ''] = cookie.split('=');
    cookies[name.trim()] = value.trim();
  }
  return cookies;
}

module.exports = { requestText, serveRequest };
