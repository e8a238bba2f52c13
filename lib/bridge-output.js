'use strict';

/**
 * @file Writes the output of the native side to a stream of Node.
 */

const { Buffer, nextTick } = require('./globals');

/** Milliseconds after which the kernel probes an idle connection, as in 0.3.24. */
const KEEP_ALIVE_DELAY = 5000;

/** The output of one response or websocket. The native side knows it by number. */
class BridgeOutput {
  /**
   * @param {import('./engine').Engine} engine
   * @param {import('./server').Service} service
   * @param {any} request
   * @param {any} stream to which the bytes are written
   */
  constructor(engine, service, request, stream) {
    this.engine = engine;
    this.service = service;
    this.request = request;
    this.stream = stream;
    /** @type {import('node:async_hooks').AsyncResource | undefined} */
    this.resource = undefined;
    this.server = undefined;
    this.blocked = false;
    /** Whether the native side holds something under this number. */
    this.held = false;
    /** Whether the native side will have more output later. */
    this.waits = false;
    this.id = engine.remember(this);
  }

  /** The rest of the output comes later. Node's socket keeps the process alive until then. */
  await() {
    this.waits = true;
    this.engine.hold(1, 0);
  }

  /** @returns {boolean} false if it was over before */
  retire() {
    const { engine } = this;
    if (!engine.retire(this.id)) return false;
    if (this.waits) engine.hold(-1, 0);
    return true;
  }

  /** Writes what waits, as far as the client takes it. */
  flush() {
    const { engine, stream } = this;
    // The application has ended it. Its 'close' event comes later.
    if (stream.writableEnded) return this.end();
    // When the process exits there is no later write.
    if (this.blocked && !engine.exiting) {
      // The native side gives up a client that takes nothing for too long.
      if (engine.native.bridgeTake(this.id, NO_ROOM) === GIVEN_UP) stream.destroy();
      return;
    }
    // A TLS socket delays a second write until the first has left, which is too late when the process exits.
    const socket = engine.exiting ? (stream.socket ?? stream) : this.corked();
    // Each frame of a response is a chunk of its own, and they leave together. Node 26 would make one chunk of
    // all writes of a tick, and hold them back until its end. The socket may be destroyed before that.
    socket?.cork?.();
    try {
      this.writeOn();
    } finally {
      socket?.uncork?.();
    }
  }

  /**
   * Writes the first bytes. They leave at the end of the tick. As in 0.3.24, nothing leaves if Node destroys the
   * socket because of what follows the request.
   */
  flushFirst() {
    const socket = this.corked();
    socket?.cork?.();
    try {
      this.writeOn();
    } finally {
      nextTick(() => socket?.uncork?.());
    }
  }

  /** Writes what waits, because the stream is about to end. */
  flushLast() {
    this.flush();
  }

  /** Writes until nothing waits, or the client takes no more. */
  writeOn() {
    const { engine, stream } = this;
    while (!this.blocked || engine.exiting) {
      let buffer = scratch;
      let length = engine.native.bridgeTake(this.id, scratch);
      if (length === LARGE) {
        buffer = Buffer.allocUnsafeSlow(engine.native.bridgeNextFrame(this.id));
        length = engine.native.bridgeTake(this.id, buffer);
      }
      if (length === 0) return;
      if (length < 0) {
        this.finish(length, buffer);
        return this.end();
      }
      if (!stream.write(copy(buffer, length)) && !engine.exiting) this.wait();
    }
  }

  /**
   * @param {number} length what `bridgeTake` answered
   * @param {Buffer} buffer which has the bytes
   */
  finish(length, buffer) {
    const { stream } = this;
    if (length === GIVEN_UP) return stream.destroy();
    this.held = false;
    const last = -1 - length;
    if (last > 0) stream.end(copy(buffer, last));
    else stream.end();
  }

  /** Writes on when the client has taken what was written. */
  wait() {
    this.blocked = true;
    this.stream.once('drain', () => {
      this.blocked = false;
      this.flush();
      // 'drain' of the connection may be due.
      this.engine.drainSoon();
    });
  }

  /**
   * @returns {import('node:net').Socket | null | undefined} where the bytes of several writes are to be
   *   collected
   */
  corked() {
    return undefined;
  }

  /** The client is gone, or has received everything. */
  end() {
    throw new Error('subclasses define end()');
  }
}

/** The native side fills this; the bytes are copied before they are written. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

/** Passed to ask only whether the client has been given up. */
const NO_ROOM = Buffer.alloc(0);
/** The answer of `bridgeTake` if the client has been given up. */
const GIVEN_UP = -(2 ** 31);
/** The answer of `bridgeTake` if the next frame is larger than the buffer. */
const LARGE = GIVEN_UP + 1;

/**
 * @param {Buffer} buffer the bytes begin it; the next call may overwrite the shared one
 * @param {number} length of the bytes
 * @returns {Buffer} the bytes in memory that is not shared
 */
function copy(buffer, length) {
  if (buffer !== scratch) return buffer.subarray(0, length);
  const bytes = Buffer.allocUnsafe(length);
  scratch.copy(bytes, 0, 0, length);
  return bytes;
}

module.exports = { BridgeOutput, KEEP_ALIVE_DELAY };
