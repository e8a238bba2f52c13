'use strict';

/**
 * @file Writes the output of the native side to a stream of Node.
 */

const { Buffer, nextTick } = require('./globals');
const { GIVEN_UP, LARGE } = require('./native').take;

/** Milliseconds after which the kernel probes an idle connection, as in 0.3.24. */
const KEEP_ALIVE_DELAY = 5000;

/** The output of one response or websocket. The native side knows it by number. */
class BridgeOutput {
  /**
   * @param {import('./engine').Engine} engine
   * @param {import('./server').Service} service
   * @param {any} request
   * @param {any} stream to which the bytes are written
   * @param {number} [id] its number, if it has one
   */
  constructor(engine, service, request, stream, id) {
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
    this.id = engine.pending.add(this, id);
  }

  /** More output comes later, so the native side must be able to call. Only Node's socket keeps the process alive. */
  await() {
    this.waits = true;
    this.engine.hold(1, 0);
  }

  /** @returns {boolean} false if it was over before */
  retire() {
    const { engine } = this;
    if (!engine.pending.retire(this.id)) return false;
    if (this.waits) engine.hold(-1, 0);
    return true;
  }

  /** Writes what waits, until the stream is full. */
  flush() {
    const { engine, stream } = this;
    // The application has ended the stream, whose 'close' event comes later.
    if (stream.writableEnded) return this.end();
    // When the process exits there is no later write.
    if (this.blocked && !engine.exiting) {
      // The native side may have given up the client, for example because more than `max_buffered` bytes wait.
      if (engine.native.bridgeTake(this.id, NO_ROOM) === GIVEN_UP) stream.destroy();
      return;
    }
    // A TLS socket delays a second write until the first has left, which is too late when the process exits.
    const socket = engine.exiting ? (stream.socket ?? stream) : this.corked();
    // Each frame of a response is an HTTP chunk of its own; corking the socket sends them together. If the socket were
    // not corked, Node 26 would join all writes of a tick into one chunk and send it after the tick. By then the socket
    // may have been destroyed.
    socket?.cork?.();
    try {
      this.writeOn();
    } finally {
      socket?.uncork?.();
    }
  }

  /**
   * Writes the first bytes. They are sent after the tick. As in 0.3.24, they are not sent if Node destroys the socket
   * because of what follows the request.
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

  /** Writes what waits, before the stream ends. */
  flushLast() {
    this.flush();
  }

  /** Writes until nothing waits, or the stream is full. */
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
   * Ends the stream.
   *
   * @param {number} length the result of `bridgeTake`, below 0
   * @param {Buffer} buffer has the last bytes
   */
  finish(length, buffer) {
    const { stream } = this;
    if (length === GIVEN_UP) return stream.destroy();
    this.held = false;
    const last = -1 - length;
    if (last > 0) stream.end(copy(buffer, last));
    else stream.end();
  }

  /** Continues to write at the stream's 'drain'. */
  wait() {
    this.blocked = true;
    this.stream.once('drain', () => {
      this.blocked = false;
      this.flush();
      // 'drain' of the connection may be due.
      this.engine.drainSoon();
    });
  }

  /** @returns {import('node:net').Socket | null | undefined} the socket that collects the bytes of several writes */
  corked() {
    return undefined;
  }

  /** The client has disconnected, or everything has been written. */
  end() {
    throw new Error('subclasses define end()');
  }
}

/** The native side fills this buffer. Its bytes are copied before they are written to a stream. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

/** An empty buffer, which is passed only to learn whether the client has been given up. */
const NO_ROOM = Buffer.alloc(0);

/**
 * @param {Buffer} buffer
 * @param {number} length
 * @returns {Buffer} the first `length` bytes, which the next call of `bridgeTake` does not overwrite
 */
function copy(buffer, length) {
  if (buffer !== scratch) return buffer.subarray(0, length);
  const bytes = Buffer.allocUnsafe(length);
  scratch.copy(bytes, 0, 0, length);
  return bytes;
}

module.exports = { BridgeOutput, KEEP_ALIVE_DELAY };
