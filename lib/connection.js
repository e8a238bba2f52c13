'use strict';

/**
 * @file `Connection`: one client, as the application sees it. Its methods call those of its session.
 */

const { randomUUID } = require('node:crypto');
const { Stream } = require('node:stream');
const { inspect } = require('node:util');

const { OPEN } = require('./ready-state');
const { SHOWN, showAddresses } = require('./request-info');
const rooms = require('./rooms');

/**
 * One client. A legacy stream, as in sockjs 0.3.24: it emits `'data'`, `'end'` and `'close'`, and `pipe` works in
 * both directions. The name of the class is the one that 0.3.24 shows in logs and debuggers. The class has this name in
 * its declaration, and no `extends`: V8 (in Node 20) cannot optimise code that makes objects of a derived class whose
 * own properties were redefined. It tries again and again (docs/performance.md, "What helped").
 *
 * There are no private fields, so `write` and `close` also work on `Object.create(conn)`, on a `Proxy` and on a copy
 * with the methods, as in 0.3.24.
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
   * Sends one message, as a string.
   *
   * @param {unknown} message
   * @returns {boolean} false if the connection is not open, or if more than `high_water_mark` bytes wait; in the
   *   second case `'drain'` follows
   */
  write(message) {
    return this._session.send(message);
  }

  /**
   * Sends a last message, unless it is falsy, and closes.
   *
   * @param {unknown} [message]
   */
  end(message) {
    if (message) this.write(message);
    this.close();
    return null;
  }

  /**
   * Closes the connection. On websockets, `'end'` and `'close'` have been emitted when this returns. On HTTP transports
   * they follow after `disconnect_delay`, on raw websockets after the closing handshake.
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

  /** The number of bytes that the application has written and that have not been sent. */
  get bufferedAmount() {
    return this._session._buffered();
  }

  /** Stops reading from the client. Messages that have been read already wait for `resume`. */
  pause() {
    this._session._pause();
    return this;
  }

  /** Delivers the messages that wait, until a listener pauses again. When none is left, reading continues. */
  resume() {
    this._session._resume();
    return this;
  }

  /**
   * Makes the connection a member of a room.
   *
   * @param {string} room
   * @returns {boolean} false if it is a member already, or not open
   */
  join(room) {
    return rooms.join(this._session, room);
  }

  /**
   * @param {string} room
   * @returns {boolean} false if it was no member, or is not open
   */
  leave(room) {
    return rooms.leave(this._session, room);
  }

  /** @returns {string[]} the rooms of the connection, in the order in which it joined them */
  rooms() {
    return rooms.roomsOf(this._session);
  }

  /**
   * Sends a message to all members of a room except this connection, which need not be a member.
   *
   * @param {string} room
   * @param {unknown} message
   * @returns {number} connections that the message was handed to
   */
  publish(room, message) {
    return rooms.publishFrom(this._session, room, message);
  }

  /**
   * What `console.log` shows.
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

/** The inherited names that `for (const name in conn)` visits in 0.3.24. */
const ENUMERATED = [
  ...['constructor', 'toString', 'write', 'end', 'close', 'destroy', 'destroySoon'],
  ...['readable', 'writable', 'readyState'],
];
for (const name of ENUMERATED) {
  Object.defineProperty(SockJSConnection.prototype, name, { enumerable: true });
}

module.exports = { Connection: SockJSConnection };
