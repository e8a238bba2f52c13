'use strict';

/**
 * @file The session of a connection. Other packages know it as `conn._session`. Members without an underscore
 * have the names of 0.3.24 (docs/compatibility.md, "Internals that other packages use").
 */

const { Connection, CONNECTING, OPEN, CLOSING, CLOSED } = require('./connection');
const { keepAddresses, pickHeaders, showAddresses } = require('./request-info');
const { JSON, setImmediate, setTimeout } = require('./globals');
const { PausedMessages } = require('./paused-messages');
const { ResponseReceiver, WebSocketReceiver } = require('./receivers');

/** The key of a session that has ended on the native side; none has it there. */
const DEAD = 0xffffffff;

/** Transports by their number in `src/transport/mod.rs`; all others are HTTP requests. */
const WEBSOCKET = 0;
const RAW = 1;
const XHR_POLLING = 2;
const JSONP_POLLING = 6;

class Session {
  /**
   * With its first two arguments only, it is as the tests of other packages make it: it has no client, and is
   * over after `disconnect_delay`.
   *
   * @param {string | undefined} session_id
   * @param {any} server
   * @param {import('./engine').Engine} [engine]
   * @param {number} [key] the native side's name for it
   * @param {import('./server').Service} [service]
   * @param {number} [transport] of its first receiver, by its number in `src/transport/mod.rs`
   * @param {any} [socket] that it came by
   */
  constructor(session_id, server, engine, key = DEAD, service, transport = XHR_POLLING, socket) {
    this.readyState = engine === undefined ? CONNECTING : OPEN;
    this._engine = engine ?? NOBODY;
    this._service = service ?? { server, options: server.options, log() {} };
    this._key = key;
    this._transport = transport;
    /** The request that receives now, or its facts as JSON text. @type {any} */
    this._request = undefined;
    this._socket = socket;
    /** What `recv` has answered; undefined before somebody has asked. @type {any} */
    this._recv = undefined;
    /** How many receivers there have been, of those over HTTP. */
    this._receivers = 1;
    /** What waits while the connection is paused. @type {PausedMessages | undefined} */
    this._held = undefined;
    /** The session has ended, but messages are still held. */
    this._ended = false;
    /** `'end'` and `'close'` have come, or are the business of somebody who replaced a method of the session. */
    this._over = false;
    this._round = 0;
    /** The request on the bridge whose socket brings the messages; 0 for none. */
    this._bridge = 0;
    /** The response on the bridge that receives; 0 for none. */
    this._response = 0;
    /** Whether one message ends that response. */
    this._polls = false;
    this.connection = new Connection(this);
    if (engine === undefined) {
      this._name = session_id;
      setTimeout(() => this.didTimeout(), this.disconnect_delay);
    }
  }

  /** Whether somebody replaced `Session.prototype.decorateConnection`, as webpack-dev-server does. */
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

  /** Its name in URLs. Websockets have none, as in 0.3.24. */
  get session_id() {
    if (this._engine === NOBODY) return this._name;
    return this._isWebsocket() ? undefined : this._fact('pathname')?.split('/').at(-2);
  }

  /** What receives for it now, null if nothing does. Tests of other packages assign it. */
  get recv() {
    const known = this._recv;
    const number = this._receiver();
    // One without a number stays: a test has assigned it, or the connection is being decorated.
    if (known && (known.number ?? number) === number) return known;
    return (this._recv = number === 0 ? null : this._makeReceiver(number));
  }

  set recv(receiver) {
    this._recv = receiver;
  }

  /**
   * Called when the session of a SockJS transport has ended; others replace it.
   *
   * @throws {Error} as 0.3.24 does, when it is over already or somebody still receives
   */
  didTimeout() {
    if (this.readyState === CLOSED) throw new Error('INVALID_STATE_ERR');
    if (this.recv) throw new Error('RECV_STILL_THERE');
    if (this._key !== DEAD && !this._isWebsocket()) this._engine.native.endSession(this._key);
    this._finish();
  }

  /** @param {unknown} message as if the client had sent it */
  didMessage(message) {
    if (this.readyState === OPEN) this.connection.emit('data', message);
  }

  /**
   * What `conn.write` does.
   *
   * @param {unknown} message
   * @returns {boolean}
   */
  send(message) {
    const { _engine: engine } = this;
    let taken;
    if (this._service.options.binary && this._transport === RAW && ArrayBuffer.isView(message)) {
      if (this.readyState !== OPEN) return false;
      taken = engine.writeBinary(this._key, message);
    } else {
      const text = this._text(message);
      if (text === undefined || this.readyState !== OPEN) return this.readyState === OPEN;
      taken = engine.write(this._key, text);
    }
    if (this._polls || engine.exiting) engine.flushResponse(this._response || this._bridge);
    return taken;
  }

  /**
   * What `conn.close` does.
   *
   * @param {number} [code]
   * @param {string} [reason]
   * @returns {boolean} whether it was open
   */
  close(code, reason) {
    if (this.readyState !== OPEN) return false;
    this.readyState = CLOSING;
    const raw = this._transport === RAW;
    // The closing handshake has to be read; what waits is no longer delivered.
    if (this._held) this._readOn();
    this._engine.close(this._key, raw, code ?? 1000, reason ?? 'Normal closure');
    if (this._transport === WEBSOCKET || this._key === DEAD) this._end();
    if (this._response !== 0) this._engine.flushResponse(this._response);
    else if (this._engine.exiting) this._engine.flushResponse(this._bridge);
    return true;
  }

  /**
   * What `send` sends for a value. A client can send values that cannot be made a string, such as
   * `{"toString":1}` or 100,000 arrays in each other, and by that it would end the process of an echo, as it
   * does with 0.3.24 (deviation 3).
   *
   * @param {unknown} message
   * @returns {string | undefined} nothing for such a value
   */
  _text(message) {
    try {
      return '' + message;
    } catch (error) {
      const isClients = error instanceof TypeError || error instanceof RangeError;
      if (typeof message !== 'object' || !isClients) throw error;
      this._service.log(
        'error',
        `A message was not written, because it cannot be converted to a string: ${error.message}`,
      );
      return undefined;
    }
  }

  /** 1 if it keeps the process alive, as 0.3.24's timers do; raw websockets have none. */
  _keepsAlive() {
    return this._transport === RAW ? 0 : 1;
  }

  /** Whether it ends with the client's connection. */
  _isWebsocket() {
    return this._transport <= RAW;
  }

  _buffered() {
    return this.readyState === CLOSED ? 0 : this._engine.native.buffered(this._key);
  }

  _pause() {
    if (this.readyState !== OPEN) return;
    if (this._held) {
      this._held.paused = true;
    } else {
      this._held = new PausedMessages();
      this._engine.pause(this, true);
    }
  }

  _resume() {
    const held = this._held;
    if (held === undefined) return;
    held.paused = false;
    if (!held.delivering) this._deliverHeld(held);
  }

  /** @param {PausedMessages} held */
  _deliverHeld(held) {
    held.delivering = true;
    try {
      while (this._held === held && !held.paused && !held.isEmpty()) this._emitData(held.take());
    } catch (error) {
      // The exception is the process's; what is left follows if it lives on.
      setImmediate(() => {
        throw error;
      });
      setImmediate(() => {
        if (this._held === held && !held.paused) this._deliverHeld(held);
      });
      return;
    } finally {
      held.delivering = false;
    }
    if (this._held !== held || held.paused) return;
    // Not sooner: what a listener that pauses at each message reads meanwhile would have no bound.
    this._readOn();
    if (this._ended) this._end();
  }

  /**
   * The request on the bridge brings messages while the connection is paused: it is answered later.
   *
   * @param {() => void} answer
   */
  _holdSender(answer) {
    if (this._held) this._held.senders.push(answer);
    else answer();
  }

  /** Nothing waits any more: the client is read from again. */
  _readOn() {
    const held = /** @type {PausedMessages} */ (this._held);
    this._held = undefined;
    if (this._key !== DEAD) this._engine.pause(this, false);
    held.answerSenders();
  }

  /**
   * A message has come. Nothing is delivered after the application has closed (0.3.24).
   *
   * @param {unknown} message
   */
  _deliver(message) {
    if (this.readyState !== OPEN) return;
    if (this._held) this._held.messages.push(message);
    else this._emitData(message);
  }

  /**
   * Hands one message to the application.
   *
   * @param {unknown} message
   */
  _emitData(message) {
    if (this._isWebsocket()) {
      this.connection.emit('data', message);
      return;
    }
    // 0.3.24 catches what a listener throws at a message of xhr_send or jsonp_send.
    try {
      this.connection.emit('data', message);
    } catch (error) {
      const what = /** @type {any} */ (error)?.stack ?? error;
      this._service.log('error', `Exception in a 'data' listener: ${what}`);
    }
  }

  /** The client is gone. What waits because of `pause()` is delivered first, when it is resumed. */
  _clientGone() {
    // The key will soon be another session's.
    this._key = DEAD;
    if (this._held && !this._held.isEmpty() && this.readyState === OPEN) {
      this._ended = true;
      this._held.answerSenders();
    } else this._end();
  }

  /** It has ended. Packages that replaced its methods expect to be called, once. */
  _end() {
    if (this._over) return;
    this._over = true;
    this.didTimeout();
  }

  /** `'end'` and `'close'`, once. */
  _finish() {
    if (this.readyState === CLOSED) return;
    this._over = true;
    this.readyState = CLOSED;
    if (this._held) this._readOn();
    this.connection.emit('end');
    this.connection.emit('close');
  }

  /**
   * The receiver that is attached now, as far as JavaScript has been told.
   *
   * @returns {number} its number, 0 for none
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
   * What `recv.didClose()` does in 0.3.24: a websocket closes without a `c` frame, a response ends and the
   * client is expected to come back.
   *
   * @param {number} number of the receiver that is meant
   */
  _endReceiver(number) {
    if (this.readyState !== OPEN || number !== this._receiver()) return;
    this._engine.native.endReceiver(this._key);
    this._engine.scheduleFlush();
    if (this._response !== 0) this._engine.flushResponse(this._response);
    if (this._isWebsocket()) this._end();
  }

  /**
   * Another request on a taken connection receives.
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
    // Whoever has looked before is likely to look again, when the request is no longer there.
    if (this._recv !== undefined) this._recv = this._makeReceiver(this._receivers);
  }

  /**
   * Shows the request that receives now.
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
   * Lets others decorate the connection, too. As in 0.3.24 the receiver is there meanwhile, even one that its
   * first frame ends, and the request has its path.
   *
   * @param {any} request
   */
  _redecorate(request) {
    request.pathname = this._fact('pathname');
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

  /** @param {any} socket by which the request came that receives now */
  _setSocket(socket) {
    if (socket === this._socket) return;
    keepAddresses(socket);
    this._socket = socket;
    showAddresses(this.connection, socket);
  }

  /**
   * A response on the bridge receives.
   *
   * @param {number} id
   * @param {number} transport
   */
  _receives(id, transport) {
    this._response = id;
    this._polls = transport === XHR_POLLING || transport === JSONP_POLLING;
  }

  /** The facts as text are only looked at when somebody asks. */
  _requestInfo() {
    const info = this._request;
    if (typeof info !== 'string') return (this._request ??= { headers: {} });
    const parsed = JSON.parse(info);
    parsed.target = parsed.url;
    return (this._request = parsed);
  }

  /** @param {string} name */
  _fact(name) {
    const info = this._requestInfo();
    if (name === 'pathname' && info.pathname === undefined) {
      info.pathname = this._engine.native.pathname(info.target);
    }
    return info[name];
  }
}

/** The session of a raw websocket. */
class RawSession extends Session {
  /** faye-websocket's object in 0.3.24. */
  get ws() {
    return this.recv.ws;
  }

  /** Called when it has ended; others replace it. */
  didClose() {
    if (this._key !== DEAD && !this._over) {
      this._engine.native.endReceiver(this._key);
      this._engine.scheduleFlush();
    }
    this._finish();
  }

  _end() {
    if (this._over) return;
    this._over = true;
    this.didClose();
  }

  /** As in 0.3.24 its receiver stays. */
  _receiver() {
    return 1;
  }
}

/** In the place of an engine, for a session without a client. */
const NOBODY = /** @type {any} */ ({
  write: () => true,
  close() {},
  pause() {},
  flushResponse() {},
  requestOf() {},
  native: { buffered: () => 0, pathname: () => undefined },
});

/**
 * @param {import('./engine').Engine} engine
 * @param {number} key
 * @param {import('./server').Service} service
 * @param {number} transport
 * @param {any} socket
 */
function openSession(engine, key, service, transport, socket) {
  const Class = transport === RAW ? RawSession : Session;
  return new Class(undefined, undefined, engine, key, service, transport, socket);
}

/**
 * Shows the application the request that receives now.
 *
 * @this {Session}
 * @param {import('node:http').IncomingMessage} request
 */
function decorateConnection(request) {
  this._setSocket(request.socket);
  this._show(request, this.recv?.protocol ?? this._fact('protocol'));
}

Session.prototype.decorateConnection = decorateConnection;

module.exports = { Session, openSession };
