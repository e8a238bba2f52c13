'use strict';

/**
 * @file `Connection`: what an application holds of one client. Its session does the work.
 */

const { randomUUID } = require('node:crypto');
const { Stream } = require('node:stream');
const { inspect } = require('node:util');

const { SHOWN, showAddresses } = require('./request-info');

/** The values of `readyState`. */
const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/**
 * One client. A legacy stream, as in sockjs 0.3.24: `'data'`, `'end'`, `'close'`, `pipe` both ways. Its name
 * is the one that 0.3.24 shows in logs and debuggers. It is not set later: V8 (of Node 20) does not finish
 * compiling a derived class whose own properties were redefined, and begins again for ever.
 *
 * Nothing is kept in private fields: an `Object.create(conn)`, a `Proxy` or a copy with the methods writes and
 * closes, too, as in 0.3.24.
 */
class SockJSConnection {
  /** @param {import('./session').Session} session */
  constructor(session) {
    this._session = session;
    this.id = randomUUID();
    Object.defineProperty(this, 'headers', SHOWN.headers);
    this.prefix = session.prefix;
    const { _socket } = session;
    if (_socket !== undefined) showAddresses(this, _socket);
    Object.defineProperty(this, 'url', SHOWN.url);
    Object.defineProperty(this, 'pathname', SHOWN.pathname);
    Object.defineProperty(this, 'protocol', SHOWN.protocol);
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
    return this._session.send(message);
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
    return this._session.close(code, reason);
  }

  destroy() {
    this.end();
    return this.removeAllListeners();
  }

  destroySoon() {
    return this.destroy();
  }

  get readable() {
    return this._session.readyState === OPEN;
  }

  get writable() {
    return this._session.readyState === OPEN;
  }

  get readyState() {
    return this._session.readyState;
  }

  /** Bytes that have been written and that the client has not taken. */
  get bufferedAmount() {
    return this._session._buffered();
  }

  /** Stops reading from the client; what has been read already waits here. */
  pause() {
    this._session._pause();
    return this;
  }

  /** Delivers what waits, unless a listener pauses again, and then goes on reading from the client. */
  resume() {
    this._session._resume();
    return this;
  }

  /**
   * What a log shows.
   *
   * @param {number} depth
   * @param {import('node:util').InspectOptions} options
   */
  [inspect.custom](depth, options) {
    if (depth < 0) return '[SockJSConnection]';
    const { id, protocol, readyState, remoteAddress, remotePort, url } = this;
    const shown = { id, protocol, readyState, remoteAddress, remotePort, url };
    return `SockJSConnection ${inspect(shown, options)}`;
  }
}

Object.setPrototypeOf(SockJSConnection.prototype, Stream.prototype);

/** What 0.3.24 has in `for (const name in conn)` besides the properties of its own. */
const ENUMERATED = [
  ...['constructor', 'toString', 'write', 'end', 'close', 'destroy', 'destroySoon'],
  ...['readable', 'writable', 'readyState'],
];
for (const name of ENUMERATED) {
  Object.defineProperty(SockJSConnection.prototype, name, { enumerable: true });
}

module.exports = { Connection: SockJSConnection, CONNECTING, OPEN, CLOSING, CLOSED };
