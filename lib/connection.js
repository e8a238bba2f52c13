'use strict';

/**
 * @file `Connection`: what an application holds of one client.
 */

const { randomUUID } = require('node:crypto');
const { Socket } = require('node:net');
const { Stream } = require('node:stream');

const { JSON, setImmediate } = require('./globals');
const { Session } = require('./session');

/** The values of `readyState`. */
const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** The key of a connection whose session has ended; no session has it. */
const DEAD = 0xffffffff;

/** Transports by their number in `src/transport/mod.rs`; all others are HTTP requests. */
const WEBSOCKET = 0;
const RAW = 1;
const XHR_POLLING = 2;
const JSONP_POLLING = 6;

/** Headers that 0.3.24 shows to the application, and `origin` (deviation 1). */
const HEADERS = [
  'referer',
  'x-client-ip',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-cluster-client-ip',
  'via',
  'x-real-ip',
  'x-forwarded-proto',
  'x-ssl',
  'dnt',
  'host',
  'user-agent',
  'accept-language',
  'origin',
];

/**
 * One client. A legacy stream, as in sockjs 0.3.24: `'data'`, `'end'`, `'close'`, `pipe` both ways. Its name
 * is the one that 0.3.24 shows in logs and debuggers. It is not set later: V8 (of Node 20) does not finish
 * compiling a derived class whose own properties were redefined, and begins again for ever.
 */
class SockJSConnection extends Stream {
  /**
   * @param {import('./engine').Engine} engine
   * @param {number} key the native side's name for the connection
   * @param {import('./server').Listener} listener
   * @param {number} transport of its first receiver, by its number in `src/transport/mod.rs`
   */
  constructor(engine, key, listener, transport) {
    super();
    this.id = randomUUID();
    this.prefix = listener.options.prefix;
    this._engine = engine;
    this._listener = listener;
    this._key = key;
    this._transport = transport;
    this._state = OPEN;
    this._request = undefined;
    this._socket = undefined;
    this._facade = undefined;
    /** What waits while the connection is paused. @type {Held | undefined} */
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
  }

  get readable() {
    return this._state === OPEN;
  }

  get writable() {
    return this._state === OPEN;
  }

  get readyState() {
    return this._state;
  }

  /** Bytes that have been written and that the client has not taken. */
  get bufferedAmount() {
    return this._state === CLOSED ? 0 : this._engine.native.buffered(this._key);
  }

  /** What other packages know as the session; see contract section 2. */
  get _session() {
    return (this._facade ??= new Session(this));
  }

  toString() {
    return `<SockJSConnection ${this.id}>`;
  }

  /**
   * Sends one message, as a string. False once the connection is not open, or when more than
   * `high_water_mark` bytes wait: `'drain'` follows.
   *
   * @param {unknown} message
   * @returns {boolean}
   */
  write(message) {
    const { _engine: engine } = this;
    let taken;
    if (this._listener.options.binary && this._transport === RAW && ArrayBuffer.isView(message)) {
      if (this._state !== OPEN) return false;
      taken = engine.writeBinary(this._key, message);
    } else {
      const text = this._text(message);
      if (text === undefined || this._state !== OPEN) return this._state === OPEN;
      taken = engine.write(this._key, text);
    }
    if (this._polls || engine.exiting) engine.flushResponse(this._response || this._bridge);
    return taken;
  }

  /**
   * What `write` sends for a value. A client can send values that cannot be made a string, such as
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
      this._listener.log(
        'error',
        `Not written, because it cannot be made a string: ${error.message}`,
      );
      return undefined;
    }
  }

  /**
   * Sends a last message, if there is one, and closes.
   *
   * @param {unknown} [message]
   */
  end(message) {
    if (message) this.write(message);
    this.close();
    return null;
  }

  /**
   * Closes the connection. For websockets `'end'` and `'close'` have been emitted when this returns;
   * for the HTTP transports they follow after `disconnect_delay`, for raw websockets after the closing
   * handshake.
   *
   * @param {number} [code]
   * @param {string} [reason]
   * @returns {boolean} whether it was open
   */
  close(code, reason) {
    if (this._state !== OPEN) return false;
    this._state = CLOSING;
    const raw = this._transport === RAW;
    // The closing handshake has to be read; what waits is no longer delivered.
    if (this._held) this._readOn();
    this._engine.close(this._key, raw, code ?? 1000, reason ?? 'Normal closure');
    if (this._transport === WEBSOCKET || this._key === DEAD) this._end();
    if (this._response !== 0) this._engine.flushResponse(this._response);
    else if (this._engine.exiting) this._engine.flushResponse(this._bridge);
    return true;
  }

  destroy() {
    this.end();
    return this.removeAllListeners();
  }

  destroySoon() {
    return this.destroy();
  }

  /** 1 if its session keeps the process alive, as 0.3.24's timers do; raw websockets have none. */
  _keepsAlive() {
    return this._transport === RAW ? 0 : 1;
  }

  /** Whether its session ends with the client's connection. */
  isWebsocket() {
    return this._transport <= RAW;
  }

  /** Stops reading from the client; what has been read already waits here. */
  pause() {
    if (this._state !== OPEN) return this;
    if (this._held) {
      this._held.paused = true;
    } else {
      this._held = new Held();
      this._engine.pause(this, true);
    }
    return this;
  }

  /** Delivers what waits, unless a listener pauses again, and then goes on reading from the client. */
  resume() {
    const held = this._held;
    if (held === undefined) return this;
    held.paused = false;
    if (!held.delivering) this._deliverHeld(held);
    return this;
  }

  /** @param {Held} held */
  _deliverHeld(held) {
    held.delivering = true;
    try {
      while (this._held === held && !held.paused && !held.isEmpty()) this._hand(held.take());
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
    const held = /** @type {Held} */ (this._held);
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
    if (this._state !== OPEN) return;
    if (this._held) this._held.messages.push(message);
    else this._hand(message);
  }

  /**
   * Hands one message to the application.
   *
   * @param {unknown} message
   */
  _hand(message) {
    if (this.isWebsocket()) {
      this.emit('data', message);
      return;
    }
    // 0.3.24 catches what a listener throws at a message of xhr_send or jsonp_send.
    try {
      this.emit('data', message);
    } catch (error) {
      const what = /** @type {any} */ (error)?.stack ?? error;
      this._listener.log('error', `Exception in a 'data' listener: ${what}`);
    }
  }

  /** What `conn._session.recv.didClose()` does in 0.3.24: the websocket closes without a `c` frame. */
  _endReceiver() {
    if (this._state !== OPEN) return;
    this._engine.native.endReceiver(this._key);
    this._engine.touch();
    this._end();
  }

  /** The client is gone. What waits because of `pause()` is delivered first, when it is resumed. */
  _clientGone() {
    if (this._held && !this._held.isEmpty() && this._state === OPEN) {
      this._ended = true;
      this._held.answerSenders();
    } else this._end();
  }

  /** The session has ended. Packages that replaced its methods expect to be called, once. */
  _end() {
    if (this._over) return;
    this._over = true;
    const facade = this._facade;
    if (facade === undefined) this._finish();
    else if (this._transport === RAW) facade.didClose();
    else facade.didTimeout();
  }

  /** The connection is over: `'end'` and `'close'`, once. */
  _finish() {
    if (this._state === CLOSED) return;
    this._state = CLOSED;
    if (this._held) this._readOn();
    if (this._facade) this._facade.recv = null;
    this.emit('end');
    this.emit('close');
  }

  /**
   * Takes the facts of the request that receives now.
   *
   * @param {import('node:http').IncomingMessage} request
   * @param {string} protocol
   */
  _decorate(request, protocol) {
    this._came(request.socket);
    keepAddresses(request.socket);
    this._request = {
      url: request.url,
      target: request.url,
      pathname: undefined,
      protocol,
      headers: pickHeaders(request.headers),
    };
  }

  /**
   * The request that receives now came by this socket. One without address leaves the last one that is
   * known, as in 0.3.24.
   *
   * @param {any} socket
   */
  _came(socket) {
    if (this._socket === undefined || socket?.remoteAddress) this._socket = socket;
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
  _facts() {
    const facts = this._request;
    if (typeof facts !== 'string') return facts;
    const parsed = JSON.parse(facts);
    parsed.target = parsed.url;
    return (this._request = parsed);
  }
}

/** What waits while a connection is paused. */
class Held {
  constructor() {
    this.paused = true;
    this.delivering = false;
    /** Messages that had been read already. @type {unknown[]} */
    this.messages = [];
    /** How many of them have been delivered. */
    this.delivered = 0;
    /** What answers requests on the bridge that bring more. @type {(() => void)[]} */
    this.senders = [];
  }

  isEmpty() {
    return this.delivered === this.messages.length;
  }

  /** The next message. Delivered ones are let go of in large steps, so that all of it is linear. */
  take() {
    const message = this.messages[this.delivered++];
    if (this.delivered > this.messages.length / 2) {
      this.messages.splice(0, this.delivered);
      this.delivered = 0;
    }
    return message;
  }

  answerSenders() {
    const { senders } = this;
    this.senders = [];
    for (const answer of senders) answer();
  }
}

/** Where a socket keeps its local address, which Node forgets when the handle is gone. */
const kLocalAddress = Symbol('local address');

/**
 * Reads both addresses of a socket while it has them. Node itself keeps the remote one.
 *
 * @param {any} socket
 */
function keepAddresses(socket) {
  if (!(socket instanceof Socket) || socket[kLocalAddress] !== undefined) return;
  void socket.remoteAddress;
  socket[kLocalAddress] = socket.address();
  socket._getsockname = keptLocalAddress;
}

/** @this {any} */
function keptLocalAddress() {
  return this[kLocalAddress];
}

/** @param {import('node:http').IncomingHttpHeaders} all */
function pickHeaders(all) {
  /** @type {Record<string, any>} by reference: Primus puts an object into `via` */
  const headers = {};
  for (const name of HEADERS) if (all[name]) headers[name] = all[name];
  return headers;
}

for (const name of ['url', 'pathname', 'protocol', 'headers']) {
  Object.defineProperty(SockJSConnection.prototype, name, {
    configurable: true,
    get() {
      const facts = this._facts();
      if (name === 'pathname' && facts && facts.pathname === undefined) {
        facts.pathname = this._engine.native.pathname(facts.target);
      }
      return facts?.[name];
    },
    /** Applications may assign these, as they can in 0.3.24; the next request overwrites it. */
    set(value) {
      const facts = this._facts();
      if (facts) facts[name] = value;
    },
  });
}

/** @type {[string, (socket: import('node:net').Socket) => unknown][]} */
const ADDRESSES = [
  ['remoteAddress', (socket) => socket.remoteAddress],
  ['remotePort', (socket) => socket.remotePort],
  ['address', (socket) => socket.address()],
];

for (const [name, read] of ADDRESSES) {
  Object.defineProperty(SockJSConnection.prototype, name, {
    configurable: true,
    get() {
      // A unix socket has no address of its own: 0.3.24 leaves all three undefined.
      return this._socket?.remoteAddress ? read(this._socket) : undefined;
    },
    set(value) {
      const property = { value, writable: true, enumerable: true, configurable: true };
      Object.defineProperty(this, name, property);
    },
  });
}

module.exports = {
  Connection: SockJSConnection,
  keepAddresses,
  DEAD,
  CONNECTING,
  OPEN,
  CLOSING,
  CLOSED,
};
