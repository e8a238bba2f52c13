'use strict';

/**
 * @file What other packages know as `conn._session.recv`: who receives now. Made when somebody asks, so that it
 * costs nothing otherwise. Classes, because packages put methods onto `recv.__proto__` and `recv.ws.__proto__`.
 */

const { IncomingMessage } = require('node:http');

class Receiver {
  /**
   * @param {import('./session').Session} session
   * @param {number} number of this receiver, of those that the session has had
   */
  constructor(session, number) {
    this.session = session;
    this.number = number;
    this.protocol = session._fact('protocol');
    this.options = session._service.options;
    /** The socket by which its request came. @type {any} */
    this.thingy = session._socket;
  }

  /** Ends it, unless it is over. The session of a response waits for the next, that of a websocket ends. */
  didClose() {
    this.session._endReceiver(this.number);
  }
}

/** A response. */
class ResponseReceiver extends Receiver {
  /**
   * @param {import('./session').Session} session
   * @param {number} number
   */
  constructor(session, number) {
    super(session, number);
    /** The request, or its text. */
    this._request = session._engine.requestOf(session);
  }

  get request() {
    const known = this._request;
    if (typeof known === 'object') return known;
    const { session } = this;
    return (this._request = known === undefined ? shownRequest(session) : parse(session, known));
  }

  /** Node's response, as long as it lasts; on a taken connection, where there is none, only its socket. */
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

/** A websocket. */
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

/** What is looked up on faye-websocket's object. */
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
 * @param {string} text as `Head::whole` in `src/server/dispatch.rs` makes it
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
 * @returns {IncomingMessage} with some of the headers
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
  // Its body has been read, or it has none.
  request.complete = true;
  request.push(null);
  return request;
}

module.exports = { ResponseReceiver, WebSocketReceiver };
