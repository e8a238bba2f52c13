'use strict';

/**
 * @file The receiver of a session: the response or websocket that carries its messages to the client. Other packages
 * read it as `conn._session.recv`. It is created when it is read, so it costs nothing otherwise. There are classes,
 * because packages add methods to `recv.__proto__` and `recv.ws.__proto__`.
 */

const { IncomingMessage } = require('node:http');

class Receiver {
  /**
   * @param {import('./session').Session} session
   * @param {number} number counts the receivers of the session, from 1
   */
  constructor(session, number) {
    this.session = session;
    this.number = number;
    this.protocol = session._infoOf('protocol');
    this.options = session._service.options;
    /** The socket of its request. @type {any} */
    this.thingy = session._socket;
  }

  /**
   * Ends this receiver, if it is still attached. The session of a response waits for the next request; the session of a
   * websocket ends.
   */
  didClose() {
    this.session._endReceiver(this.number);
  }
}

/** A response that receives. */
class ResponseReceiver extends Receiver {
  /**
   * @param {import('./session').Session} session
   * @param {number} number
   */
  constructor(session, number) {
    super(session, number);
    /** The request; or its text, as `parse` reads it; or undefined. */
    this._request = session._engine.requestOf(session);
  }

  get request() {
    const known = this._request;
    if (typeof known === 'object') return known;
    const { session } = this;
    return (this._request = known === undefined ? shownRequest(session) : parse(session, known));
  }

  /** Node's response on the bridge, until it has ended; otherwise an object that has only its socket. */
  get response() {
    const { session, thingy } = this;
    const response = session._engine.pending.get(session._response)?.response;
    return response?.socket ? response : new SocketView(thingy);
  }
}

class SocketView {
  /** @param {any} socket */
  constructor(socket) {
    this.socket = socket;
    this.connection = socket;
  }
}

/** A websocket that receives. */
class WebSocketReceiver extends Receiver {
  /**
   * @param {import('./session').Session} session
   * @param {number} number
   */
  constructor(session, number) {
    super(session, number);
    this.connection = this.thingy;
    /** @type {WebsocketView | undefined} */
    this._ws = undefined;
  }

  get ws() {
    return (this._ws ??= new WebsocketView(this));
  }
}

/** The properties of faye-websocket's object that other packages read. */
class WebsocketView {
  /** @param {WebSocketReceiver} receiver */
  constructor(receiver) {
    this._stream = receiver.connection;
    const { session } = receiver;
    this._driver = { _request: session._engine.requestOf(session) ?? shownRequest(session) };
  }
}

/**
 * @param {import('./session').Session} session
 * @param {string} text the first line is method and target, the others are headers: see `Head::whole` in
 *   `src/server/head.rs`
 */
function parse(session, text) {
  const [first, ...lines] = text.split('\n');
  const space = first.indexOf(' ');
  /** @type {string[]} */
  const raw = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    raw.push(line.slice(0, colon), line.slice(colon + 1));
  }
  return makeRequest(session, first.slice(0, space), first.slice(space + 1), raw);
}

/**
 * @param {import('./session').Session} session
 * @returns {IncomingMessage} a request with only the headers that the connection shows
 */
function shownRequest(session) {
  const { protocol, target, headers } = session._requestInfo();
  const method = protocol.startsWith('xhr') ? 'POST' : 'GET';
  return makeRequest(session, method, target, Object.entries(headers).flat());
}

/**
 * @param {import('./session').Session} session
 * @param {string} method
 * @param {string} target
 * @param {string[]} rawHeaders name, value, name, value…
 */
function makeRequest(session, method, target, rawHeaders) {
  const request = new IncomingMessage(session._socket);
  request.method = method;
  request.url = target;
  request.httpVersion = '1.1';
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  request.rawHeaders = rawHeaders;
  /** @type {Record<string, any>} */
  const headers = {};
  for (let i = 0; i < rawHeaders.length; i += 2) headers[rawHeaders[i]] = rawHeaders[i + 1];
  request.headers = headers;
  // There is no body, or it has been read already.
  request.complete = true;
  request.push(null);
  return request;
}

module.exports = { ResponseReceiver, WebSocketReceiver };
