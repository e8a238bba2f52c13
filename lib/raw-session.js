'use strict';

/**
 * @file The session of a raw websocket; and `openSession`, which makes either kind of session.
 */

const { DEAD, RAW, Session } = require('./session');

/** The session of a raw websocket. As in 0.3.24, it ends by `didClose`, not by `didTimeout`. */
class RawSession extends Session {
  /** In 0.3.24 this is faye-websocket's object. */
  get ws() {
    return this.recv.ws;
  }

  /** Ends the session. Other packages replace this method. */
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

  /** As in 0.3.24, `recv` stays after the end of the session. */
  _receiver() {
    return 1;
  }
}

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

module.exports = { openSession };
