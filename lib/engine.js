'use strict';

/**
 * @file The native side of this Node environment. Fetches its events in batches, and delivers messages.
 */

const { HANDLERS } = require('./event-handlers');
const { JSON, nextTick, now, queueMicrotask, setImmediate } = require('./globals');
const { Liveness } = require('./liveness');
const { COLUMNS, EventKind, startNative } = require('./native');
const { Ids } = require('./ids');
const { PendingRequests } = require('./pending-requests');
const { checkRawCode, rawReason } = require('./raw-close');

const { Message: MESSAGE, Value: VALUE } = EventKind;

/** The handlers of the other events, by the numbers of their kinds. */
const handlers = [];
for (const [name, kind] of Object.entries(EventKind)) handlers[kind] = HANDLERS[name];

/** Events per call of `drain`. */
const ROWS = 2048;

/** Deno emits no `'exit'` when an exception ends the process. */
const EXITS_SILENTLY = process.versions.deno !== undefined;

/**
 * Milliseconds after which other work of the event loop gets its turn although events wait. Otherwise a client that
 * sends faster than its messages are handled would block timers and other sockets.
 */
const MAX_DRAIN_TIME = 10;

/** The clock is read once for each of these, because reading it costs time. */
const EVENTS_PER_CHECK = 256;

class Engine {
  /** @param {number} ioThreads */
  constructor(ioThreads) {
    this.native = startNative(ioThreads);
    this.fastPath = {};
    this.native.installFastPath(this.fastPath);
    this.values = new Array(ROWS).fill(undefined);
    this.table = new Uint32Array(ROWS * COLUMNS);
    /** The number of events in the table, and of those that have been handled. */
    this.filled = 0;
    this.handled = 0;
    this.draining = false;
    /** Whether a microtask will flush. */
    this.flushing = false;
    /** The number of calls of `drain`. */
    this.round = 1;
    /** The number of events that `drain` handles before it reads the clock again, and the time at which it stops. */
    this.untilCheck = EVENTS_PER_CHECK;
    this.drainEnd = Infinity;
    /** @type {(import('./session').Session | undefined)[]} */
    this.sessions = [];
    this.ids = new Ids(this);
    this.liveness = new Liveness(this);
    this.pending = new PendingRequests(this.liveness);
    /** The session that got a new request last. @type {import('./session').Session | undefined} */
    this.received = undefined;
    /** That request, or the row of its event. @type {import('node:http').IncomingMessage | number | undefined} */
    this.receivedBy = undefined;
    /** Whether this thread may read from taken websockets. */
    this.watching = false;
    /** Headers of answers over the bridge, by number. @type {string[][]} */
    this.headerBlocks = [];
    this.drainLater = () => this.drain(nextTick);
    /** Whether a tick will call `drain`. Another call before that makes it unnecessary. */
    this.soon = false;
    this.drainInTick = () => {
      if (this.soon) this.drain();
    };
    this.flushSoon = () => {
      this.flushing = false;
      this.flush();
    };
    /** Whether the process is exiting. Then output must be sent at once, because nothing runs later. */
    this.exiting = false;
    this.onExit = () => {
      this.exiting = true;
      this.flushLast();
    };
  }

  /** A websocket has been taken: from the first one on, this thread may read from websockets. */
  startPolling() {
    if (this.watching) return;
    this.watching = true;
    this.native.startPolling(this.drainLater);
  }

  /**
   * Counts an object about which the native side may call JavaScript.
   *
   * @param {number} change 1 for a new object, -1 for one that has ended
   * @param {number} [refs] the same for objects that keep the process alive
   */
  hold(change, refs = change) {
    this.liveness.hold(change, refs);
  }

  /**
   * @param {number} key
   * @param {string} text
   */
  write(key, text) {
    const mayWriteMore = this.fastPath.write(key, text);
    this.scheduleFlush();
    return mayWriteMore;
  }

  /**
   * @param {number} key
   * @param {ArrayBufferView} bytes
   */
  writeBinary(key, bytes) {
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const mayWriteMore = this.native.writeBinary(key, view);
    this.scheduleFlush();
    return mayWriteMore;
  }

  /**
   * @param {number} key
   * @param {boolean} raw
   * @param {any} code
   * @param {any} reason
   */
  close(key, raw, code, reason) {
    if (raw) {
      checkRawCode(code);
      const number = Number(code || 1000) || 0;
      let bytes;
      try {
        bytes = rawReason(reason);
      } finally {
        // faye-websocket closes even if it throws because of the reason.
        this.native.closeRaw(key, number, bytes);
      }
    } else {
      this.native.close(key, 'c' + JSON.stringify([code, reason]));
    }
    this.scheduleFlush();
  }

  /**
   * @param {import('./session').Session} session
   * @param {boolean} paused
   */
  pause(session, paused) {
    this.native.pause(session._key, paused);
    if (session._bridge) this.pending.get(session._bridge)?.pause?.(paused);
  }

  /** A message has been handed to the members of a room. */
  published() {
    if (this.exiting) this.flushLast();
    else this.scheduleFlush();
  }

  /** Sends what has been written: after the batch of events, or in a microtask if no batch is being handled. */
  scheduleFlush() {
    if (this.exiting) return this.native.flushLast();
    if (this.draining || this.flushing) return;
    this.flushing = true;
    queueMicrotask(this.flushSoon);
  }

  /** Handles the waiting events in a tick, unless they are being handled already. */
  drainSoon() {
    if (this.draining || this.soon) return;
    this.soon = true;
    nextTick(this.drainInTick);
  }

  /**
   * Writes what waits for a response or websocket on the bridge, at once. In 0.3.24, if `write` or `close` ends a
   * response, it has ended when they return, and `server.close()` in the same tick does not wait for it.
   *
   * @param {number} id
   */
  flushResponse(id) {
    this.pending.get(id)?.flush?.();
  }

  /** Hands to the kernel what has been written in this tick, because a socket is about to be shut down. */
  flushWritten() {
    if (!this.flushing) return;
    this.flushing = false;
    this.native.flushLast();
  }

  /** Hands to the kernel what has been written, because the process exits: no tick and no microtask will run. */
  flushLast() {
    this.native.deliverPublished();
    this.flushPending();
    this.native.flushLast();
  }

  /** Delivers what has been published, because a response or a connection of a member may end now. */
  deliverPublished() {
    if (this.native.deliverPublished()) this.flushPending();
  }

  /** Writes what waits for responses and websockets on the bridge. */
  flushPending() {
    for (const pending of this.pending.values()) pending.flush?.();
  }

  flush() {
    if (this.native.flush() && !this.draining) this.drain();
  }

  /**
   * Handles all waiting events. Never throws: `rethrow` throws the exception of a listener later, as an uncaught one.
   *
   * @param {(callback: () => void) => void} [rethrow] `process.nextTick` if the event loop or the native side calls:
   *   then nothing happens before the exception, as in 0.3.24. Within a callback of Node's http parser this is not
   *   possible, because the parser would treat the exception as its own failure and end its connection, which may be
   *   unrelated
   */
  drain(rethrow = setImmediate) {
    if (this.draining) return;
    this.draining = true;
    this.soon = false;
    this.round++;
    this.untilCheck = EVENTS_PER_CHECK;
    this.drainEnd = Infinity;
    try {
      while (this.fill()) {
        if (!this.handleAll()) {
          setImmediate(this.drainLater);
          this.native.flush();
          break;
        }
      }
    } catch (error) {
      if (EXITS_SILENTLY) this.flushLast();
      rethrow(() => {
        throw error;
      });
      // If the process continues, the other events of the batch follow.
      setImmediate(this.drainLater);
      this.native.flush();
    }
    this.draining = false;
  }

  /** @returns {boolean} whether there is an event to handle */
  fill() {
    if (this.handled < this.filled) return true;
    this.handled = 0;
    this.received = undefined;
    this.receivedBy = undefined;
    // This call also flushes. Output for the bridge comes back as events.
    this.filled = this.fastPath.drain(this.values, this.table);
    if (this.filled === 0) this.pending.deleteRetired();
    return this.filled > 0;
  }

  /**
   * @returns {boolean} false if the other events must wait for the next turn of the event loop: because other work
   *   needs it, or because the next message is for a new connection, whose 'connection' listener may await resolved
   *   promises
   */
  handleAll() {
    const { table, values } = this;
    while (this.handled < this.filled) {
      if (--this.untilCheck < 0 && this.isLate()) return false;
      const row = this.handled * COLUMNS;
      const kind = table[row];
      if (kind === MESSAGE || kind === VALUE) {
        const session = this.sessions[table[row + 1]];
        if (session !== undefined && session._round === this.round) return false;
        this.handled++;
        if (session !== undefined) {
          const message = this.fastPath.message(table[row + 2]);
          session._deliver(kind === VALUE ? JSON.parse(message) : message);
        }
      } else {
        const value = values[this.handled];
        values[this.handled++] = undefined;
        handlers[kind](this, table[row + 1], table[row + 2], table[row + 3], value);
      }
    }
    return true;
  }

  /** Reads the clock. Whether `drain` must stop. Its time begins with the first check. */
  isLate() {
    this.untilCheck = EVENTS_PER_CHECK;
    const time = now();
    if (this.drainEnd === Infinity) this.drainEnd = time + MAX_DRAIN_TIME;
    return time > this.drainEnd;
  }

  /**
   * Notes that the event that is being handled has a request for this session.
   *
   * @param {import('./session').Session} session
   */
  receivedWithEvent(session) {
    this.received = session;
    this.receivedBy = this.handled - 1;
  }

  /**
   * The request of a session's receiver. On the bridge it is available until it ends; on a taken connection, only until
   * the batch of its event has been handled.
   *
   * @param {import('./session').Session} session
   * @returns {import('node:http').IncomingMessage | string | undefined} a string has the format of `Head::whole` in
   *   `src/server/head.rs`
   */
  requestOf(session) {
    const pending = this.pending.get(session._bridge || session._response);
    if (pending?.request) return pending.request;
    if (this.received !== session) return undefined;
    const { receivedBy } = this;
    if (typeof receivedBy !== 'number') return receivedBy;
    return this.native.wholeRequest(receivedBy) ?? undefined;
  }
}

/**
 * A weak reference, so that the engine ends with its services. They hold it, and while it is used, so does Node.
 *
 * @type {WeakRef<Engine> | undefined}
 */
let last;

/**
 * The engine of all services of this environment, for this copy of the package.
 *
 * @param {number} ioThreads the number of I/O threads of a new engine: the first service decides
 * @returns {Engine}
 */
function getEngine(ioThreads) {
  const existing = last?.deref();
  if (existing) return existing;
  const engine = new Engine(ioThreads);
  last = new WeakRef(engine);
  return engine;
}

module.exports = { getEngine, Engine };
