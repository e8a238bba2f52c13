'use strict';

/**
 * @file The session behind a connection. Other packages read it as `conn._session`. Members without an underscore
 * have the names of 0.3.24 (docs/compatibility.md, "Internals that other packages use").
 */

const { Connection } = require('./connection');
const { CONNECTING, OPEN, CLOSING, CLOSED } = require('./ready-state');
const { keepAddresses, pickHeaders, showAddresses } = require('./request-info');
const { JSON, setTimeout } = require('./globals');
const { textOf } = require('./message-text');
const { transports } = require('./native').names;
const { PausedMessages } = require('./paused-messages');
const { ResponseReceiver, WebSocketReceiver } = require('./receivers');

/** The `_key` of a session that the native side does not have, or no longer has. */
const DEAD = 0xffffffff;

const WEBSOCKET = transports.indexOf('websocket');
const RAW = transports.indexOf('websocket-raw');
const XHR_POLLING = transports.indexOf('xhr-polling');
const JSONP_POLLING = transports.indexOf('jsonp-polling');

class Session {
  /**
   * Tests of other packages pass only the first two arguments. Such a session has no client, and ends after
   * `disconnect_delay`.
   *
   * @param {string | undefined} session_id
   * @param {any} server
   * @param {import('./engine').Engine} [engine]
   * @param {number} [key] the native side's number for the session
   * @param {import('./server').Service} [service]
   * @param {number} [transport] the transport of the first receiver, by its index in `names.transports`
   * @param {any} [socket] the socket of the first receiver
   */
  constructor(session_id, server, engine, key = DEAD, service, transport = XHR_POLLING, socket) {
    this.readyState = engine === undefined ? CONNECTING : OPEN;
    this._engine = engine ?? NO_ENGINE;
    this._service = service ?? { server, options: server.options, log() {} };
    this._key = key;
    this._transport = transport;
    /** What the connection shows of the receiver's request: an object, or its JSON text. @type {any} */
    this._request = undefined;
    this._socket = socket;
    /** The last value of `recv`; undefined until it is read. @type {any} */
    this._recv = undefined;
    /** The number of receivers until now; a session over HTTP can have more than one. */
    this._receivers = 1;
    /** What waits while the connection is paused. @type {PausedMessages | undefined} */
    this._held = undefined;
    /** The session has ended on the native side, but messages are still held. */
    this._ended = false;
    /** `'end'` and `'close'` have been emitted, or `_end` has called a `didTimeout` that a package has put in place. */
    this._over = false;
    /** The value of `engine.round` when the connection was announced. */
    this._round = 0;
    /** The id of the websocket on the bridge; 0 if there is none. */
    this._bridge = 0;
    /** The id of the response on the bridge that is the receiver; 0 if there is none. */
    this._response = 0;
    /** Whether that response ends after one frame. */
    this._polls = false;
    this.connection = new Connection(this);
    if (engine === undefined) {
      this._name = session_id;
      setTimeout(() => this.didTimeout(), this.disconnect_delay);
    }
  }

  /** Whether a package has replaced `Session.prototype.decorateConnection`, as webpack-dev-server does. */
  static isPatched() {
    return Session.prototype.decorateConnection !== decorateConnection;
  }

  get prefix() {
    return this._service.options.prefix;
  }

  get heartbeat_delay() {
    return this._service.options.heartbeat_delay;
  }

  get disconnect_delay() {
    return this._service.options.disconnect_delay;
  }

  /** The name of the session in URLs; undefined for websockets, as in 0.3.24. */
  get session_id() {
    if (this._engine === NO_ENGINE) return this._name;
    return this._isWebsocket() ? undefined : this._infoOf('pathname')?.split('/').at(-2);
  }

  /** The current receiver, or null. Tests of other packages assign it. */
  get recv() {
    const known = this._recv;
    const number = this._receiver();
    // A receiver without a number stays: a test has assigned it, or `_redecorate` is running.
    if (known && (known.number ?? number) === number) return known;
    return (this._recv = number === 0 ? null : this._makeReceiver(number));
  }

  set recv(receiver) {
    this._recv = receiver;
  }

  /**
   * Ends a session of a SockJS transport. Other packages call and replace this method.
   *
   * @throws {Error} as in 0.3.24, if the session has ended already or still has a receiver
   */
  didTimeout() {
    if (this.readyState === CLOSED) throw new Error('INVALID_STATE_ERR');
    if (this.recv) throw new Error('RECV_STILL_THERE');
    if (this._key !== DEAD && !this._isWebsocket()) this._engine.native.endSession(this._key);
    this._finish();
  }

  /** @param {unknown} message is emitted as if the client had sent it */
  didMessage(message) {
    if (this.readyState === OPEN) this.connection.emit('data', message);
  }

  /**
   * Implements `conn.write`.
   *
   * @param {unknown} message
   * @returns {boolean}
   */
  send(message) {
    const { _engine: engine } = this;
    let result;
    if (this._service.options.binary && this._transport === RAW && ArrayBuffer.isView(message)) {
      if (this.readyState !== OPEN) return false;
      result = engine.writeBinary(this._key, message);
    } else {
      // The message's `toString` may close the connection.
      const text = textOf(message, this._service);
      if (text === undefined || this.readyState !== OPEN) return this.readyState === OPEN;
      result = engine.write(this._key, text);
    }
    if (this._polls || engine.exiting) engine.flushResponse(this._response || this._bridge);
    return result;
  }

  /**
   * Implements `conn.close`.
   *
   * @param {number} [code]
   * @param {string} [reason]
   * @returns {boolean} whether it was open
   */
  close(code, reason) {
    if (this.readyState !== OPEN) return false;
    this.readyState = CLOSING;
    const raw = this._transport === RAW;
    // Reading continues, because the client's part of the closing handshake must be read. Held messages are dropped.
    if (this._held) this._stopHolding();
    // With a wrong code, `engine.close` throws before the native side closes.
    if (raw) this._engine.native.leaveRooms(this._key);
    this._engine.close(this._key, raw, code ?? 1000, reason ?? 'Normal closure');
    if (this._transport === WEBSOCKET || this._key === DEAD) this._end();
    if (this._response !== 0) this._engine.flushResponse(this._response);
    else if (this._engine.exiting) this._engine.flushResponse(this._bridge);
    return true;
  }

  /** 1 if the session keeps the process alive, as its timers do in 0.3.24. Raw websockets have no timers there: 0. */
  _keepsAlive() {
    return this._transport === RAW ? 0 : 1;
  }

  /** Whether the session is a websocket, with or without SockJS frames. */
  _isWebsocket() {
    return this._transport === WEBSOCKET || this._transport === RAW;
  }

  _buffered() {
    return this.readyState === CLOSED ? 0 : this._engine.native.buffered(this._key);
  }

  _pause() {
    if (this.readyState !== OPEN) return;
    if (this._held) {
      this._held.paused = true;
    } else {
      this._held = new PausedMessages(this);
      this._engine.pause(this, true);
    }
  }

  _resume() {
    this._held?.resume();
  }

  /** All held messages have been delivered. */
  _endPause() {
    this._stopHolding();
    if (this._ended) this._end();
  }

  /**
   * Delays the answer to a request on the bridge that brings messages while the connection is paused.
   *
   * @param {() => void} answer
   */
  _holdSender(answer) {
    if (this._held) this._held.senders.push(answer);
    else answer();
  }

  /** Messages are no longer held back, and reading from the client continues. */
  _stopHolding() {
    const held = /** @type {PausedMessages} */ (this._held);
    this._held = undefined;
    if (this._key !== DEAD) this._engine.pause(this, false);
    held.answerSenders();
  }

  /**
   * Handles a message of the client. Messages after the application's `close` are dropped, as in 0.3.24.
   *
   * @param {unknown} message
   */
  _deliver(message) {
    if (this.readyState !== OPEN) return;
    if (this._held) this._held.messages.push(message);
    else this._emitData(message);
  }

  /**
   * Emits one message.
   *
   * @param {unknown} message
   */
  _emitData(message) {
    if (this._isWebsocket()) {
      this.connection.emit('data', message);
      return;
    }
    // As in 0.3.24, an exception that a listener throws for a message of xhr_send or jsonp_send is caught.
    try {
      this.connection.emit('data', message);
    } catch (error) {
      const what = /** @type {any} */ (error)?.stack ?? error;
      this._service.log('error', `Exception in a 'data' listener: ${what}`);
    }
  }

  /**
   * The native side has closed the session. If messages are held by `pause()`, the session ends after `resume()` has
   * delivered them.
   */
  _onClosed() {
    // The native side may now give the key to another session.
    this._key = DEAD;
    if (this._held && !this._held.isEmpty() && this.readyState === OPEN) {
      this._ended = true;
      this._held.answerSenders();
    } else this._end();
  }

  /** Ends the session, once, by calling `didTimeout`, which packages may have replaced. */
  _end() {
    if (this._over) return;
    this._over = true;
    this.didTimeout();
  }

  /** Emits `'end'` and `'close'`, once. */
  _finish() {
    if (this.readyState === CLOSED) return;
    this._over = true;
    this.readyState = CLOSED;
    if (this._held) this._stopHolding();
    this.connection.emit('end');
    this.connection.emit('close');
  }

  /**
   * The receiver that is attached now. A receiver whose event has not been handled yet does not count.
   *
   * @returns {number} its number; 0 if there is none
   */
  _receiver() {
    if (this._key === DEAD || this._over) return 0;
    if (this._isWebsocket()) return this.readyState === OPEN ? 1 : 0;
    const number = this._engine.native.receiver(this._key);
    return number === this._receivers ? number : 0;
  }

  /** @param {number} number */
  _makeReceiver(number) {
    return this._isWebsocket()
      ? new WebSocketReceiver(this, number)
      : new ResponseReceiver(this, number);
  }

  /**
   * Implements `recv.didClose()`. As in 0.3.24, a websocket closes without a `c` frame, and a response ends, after
   * which the session waits for the next one.
   *
   * @param {number} number the number of the receiver; if it is no longer attached, nothing happens
   */
  _endReceiver(number) {
    if (this.readyState !== OPEN || number !== this._receiver()) return;
    this._engine.native.endReceiver(this._key);
    this._engine.scheduleFlush();
    if (this._response !== 0) this._engine.flushResponse(this._response);
    if (this._isWebsocket()) this._end();
  }

  /**
   * A later request, on a taken connection, has become the receiver.
   *
   * @param {string} info
   * @param {any} socket
   */
  _attached(info, socket) {
    this._request = info;
    this._response = 0;
    this._polls = false;
    this._setSocket(socket);
    this._receivers++;
    // An application that has read `recv` may read it again later, when the native side has dropped the request.
    if (this._recv !== undefined) this._recv = this._makeReceiver(this._receivers);
  }

  /**
   * Stores what the connection shows of the receiver's request.
   *
   * @param {import('node:http').IncomingMessage} request
   * @param {string} protocol
   */
  _show(request, protocol) {
    this._request = {
      url: request.url,
      target: request.url,
      pathname: undefined,
      protocol,
      headers: pickHeaders(request.headers),
    };
  }

  /**
   * Calls the `decorateConnection` of a package that has replaced it. As in 0.3.24, the request has a `pathname`, and
   * `recv` is set during the call, even if the response has already ended with its first frame.
   *
   * @param {any} request
   */
  _redecorate(request) {
    request.pathname = this._infoOf('pathname');
    const receiver = this._makeReceiver(this._receivers);
    const { number } = receiver;
    receiver.number = undefined;
    this._recv = receiver;
    try {
      this.decorateConnection(request);
    } finally {
      receiver.number = number;
    }
  }

  /** @param {any} socket the socket of the receiver's request */
  _setSocket(socket) {
    if (socket === this._socket) return;
    keepAddresses(socket);
    this._socket = socket;
    showAddresses(this.connection, socket);
  }

  /**
   * A response on the bridge has become the receiver.
   *
   * @param {number} id
   * @param {number} transport
   */
  _receives(id, transport) {
    this._response = id;
    this._polls = transport === XHR_POLLING || transport === JSONP_POLLING;
  }

  /** What the connection shows of the receiver's request. Its JSON text is parsed when it is first needed. */
  _requestInfo() {
    const info = this._request;
    if (typeof info !== 'string') return (this._request ??= { headers: {} });
    const parsed = JSON.parse(info);
    parsed.target = parsed.url;
    return (this._request = parsed);
  }

  /** @param {string} name */
  _infoOf(name) {
    const info = this._requestInfo();
    if (name === 'pathname' && info.pathname === undefined) {
      info.pathname = this._engine.native.pathname(info.target);
    }
    return info[name];
  }
}

/** Replaces the engine in a session without a client. */
const NO_ENGINE = /** @type {any} */ ({
  write: () => true,
  close() {},
  pause() {},
  flushResponse() {},
  requestOf() {},
  native: { buffered: () => 0, leaveRooms() {}, pathname: () => undefined },
});

/**
 * Makes the connection show the receiver's request and socket.
 *
 * @this {Session}
 * @param {import('node:http').IncomingMessage} request
 */
function decorateConnection(request) {
  this._setSocket(request.socket);
  this._show(request, this.recv?.protocol ?? this._infoOf('protocol'));
}

Session.prototype.decorateConnection = decorateConnection;

module.exports = { DEAD, RAW, Session };
