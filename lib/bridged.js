'use strict';

/**
 * @file What the native side writes through a stream of Node's.
 */

/** Milliseconds after which the kernel probes an idle connection, as in 0.3.24. */
const KEEP_ALIVE_DELAY = 5000;

/** A response, or the socket of a websocket, that the native side knows by number. */
class Bridged {
  /**
   * @param {import('./engine').Engine} engine
   * @param {import('./server').Listener} listener
   * @param {any} request
   * @param {any} stream where the bytes go
   */
  constructor(engine, listener, request, stream) {
    this.engine = engine;
    this.listener = listener;
    this.request = request;
    this.stream = stream;
    /** @type {import('node:async_hooks').AsyncResource | undefined} */
    this.resource = undefined;
    this.server = undefined;
    this.blocked = false;
    this.id = engine.remember(this);
  }

  /** Called before bytes leave. */
  open() {}

  /** Writes what waits, as far as the client takes it. */
  flush() {
    const { engine, stream } = this;
    if (this.blocked) {
      // A client that takes nothing is given up in the end.
      if (engine.native.bridgeTake(this.id, NO_ROOM) === GIVEN_UP) stream.destroy();
      return;
    }
    while (!this.blocked) {
      const bytes = take(engine, this.id);
      if (bytes === NOTHING) return;
      this.open();
      if (bytes === END || bytes === ABORTED) {
        if (bytes === END) stream.end();
        else stream.destroy();
        return this.end();
      }
      if (!stream.write(bytes)) this.wait();
    }
  }

  /** Writes on when the client has taken what was written. */
  wait() {
    this.blocked = true;
    this.stream.once('drain', () => {
      this.blocked = false;
      this.flush();
      // That all of it has left is an event, too.
      this.engine.drainSoon();
    });
  }

  /** The client is gone, or has everything. */
  end() {
    throw new Error('every kind of it ends in its own way');
  }
}

/** Where the native side puts bytes for a client, before they become a Buffer of their own. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

/** For who asks only whether the client has been given up. */
const NO_ROOM = Buffer.alloc(0);
/** What `bridgeTake` answers when the client has been given up. */
const GIVEN_UP = -2;

/** Answers of `take` that are no bytes. */
const NOTHING = Symbol('nothing waits');
const END = Symbol('nothing follows');
const ABORTED = Symbol('the client was given up');

/**
 * What is to be written to a client now.
 *
 * @param {import('./engine').Engine} engine
 * @param {number} id
 * @returns {Buffer | symbol}
 */
function take(engine, id) {
  const length = engine.native.bridgeTake(id, scratch);
  if (length > 0) return Buffer.from(scratch.subarray(0, length));
  if (length === 0) return NOTHING;
  return length === GIVEN_UP ? ABORTED : END;
}

module.exports = { Bridged, KEEP_ALIVE_DELAY };
