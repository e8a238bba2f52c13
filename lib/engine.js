'use strict';

/**
 * @file The native side of this Node environment: its events come in here, in batches.
 */

const { MESSAGE, VALUE, handleEvent } = require('./event-handlers');
const { JSON, nextTick, now, queueMicrotask, setImmediate } = require('./globals');
const { Liveness } = require('./liveness');
const { startNative } = require('./native');
const { Ids } = require('./ids');
const { checkRawCode, rawReason } = require('./raw-close');

/** Numbers per event, and events per call of `drain`. */
const COLUMNS = 4;
const ROWS = 2048;

/** Deno emits no `'exit'` when an exception ends the process. */
const EXITS_SILENTLY = process.versions.deno !== undefined;

/**
 * Milliseconds after which the event loop gets its turn although events wait, and after how many of them the
 * clock is looked at: a client that sends more than is handled must not keep out timers and other sockets.
 */
const LONGEST_DRAIN = 10;
const EVENTS_PER_LOOK = 256;

/**
 * A request that the native side knows by number: one on the bridge, or the one that a taken socket
 * came with.
 *
 * @typedef {object} Pending
 * @property {import('node:net').Socket} socket
 * @property {import('node:http').IncomingMessage | undefined} request
 * @property {import('node:http').ServerResponse} [response] the one with which a taken socket came
 * @property {import('node:http').Server | undefined} server where a taken socket came from
 * @property {import('node:async_hooks').AsyncResource | undefined} resource the context in which `'connection'` is emitted
 * @property {import('./install').Installation} [installation] where the requests of a taken socket come in
 * @property {import('./server').Service} [service] what a websocket is for
 * @property {boolean} [kept] whether a taken socket keeps the process alive
 * @property {() => void} [flush] writes what waits for it on the bridge
 * @property {(paused: boolean) => void} [pause] stops or restarts reading from the client
 */

class Engine {
  /** @param {number} ioThreads */
  constructor(ioThreads) {
    this.native = startNative(ioThreads);
    this.fastPath = {};
    this.native.installFastPath(this.fastPath);
    this.values = new Array(ROWS).fill(undefined);
    this.table = new Uint32Array(ROWS * COLUMNS);
    /** Events in the table, and how many of them have been handled. */
    this.filled = 0;
    this.handled = 0;
    this.draining = false;
    this.flushing = false;
    /** Counts the passes of the event loop that `drain` has begun in. */
    this.round = 1;
    /** Events that `drain` may handle before it looks at the clock, and when it has to end. */
    this.untilLook = EVENTS_PER_LOOK;
    this.drainEnd = Infinity;
    /** @type {(import('./session').Session | undefined)[]} */
    this.sessions = [];
    this.ids = new Ids(this);
    /** @type {Map<number, Pending>} */
    this.pending = new Map();
    /** Requests to forget when all events have been handled. @type {Set<number>} */
    this.retired = new Set();
    /** The session that was last told of a request, and by what that can be had. @type {import('./session').Session | undefined} */
    this.received = undefined;
    /** The request, or the row of its event. @type {import('node:http').IncomingMessage | number | undefined} */
    this.receivedBy = undefined;
    this.lastId = 0;
    this.watching = false;
    /** Headers of answers over the bridge, by number. @type {string[][]} */
    this.headerBlocks = [];
    this.drainLater = () => this.drain(nextTick);
    /** Whether a tick is to drain; one that finds it done has nothing to do. */
    this.soon = false;
    this.drainInTick = () => {
      if (this.soon) this.drain();
    };
    this.flushSoon = () => {
      this.flushing = false;
      this.flush();
    };
    /** Whether the process is ending: what is written now leaves at once, or never. */
    this.exiting = false;
    this.onExit = () => {
      this.exiting = true;
      this.flushLast();
    };
    this.liveness = new Liveness(this);
  }

  /**
   * @param {Pending} pending
   * @returns {number} its number
   */
  remember(pending) {
    this.lastId = (this.lastId + 1) >>> 0;
    this.pending.set(this.lastId, pending);
    return this.lastId;
  }

  /**
   * A request on the bridge is over; events that are on their way may still name it.
   *
   * @param {number} id
   * @returns {boolean} false if it was over before
   */
  retire(id) {
    const pending = this.pending.get(id);
    if (pending === undefined || this.retired.has(id)) return false;
    this.retired.add(id);
    return true;
  }

  /** The first websocket has been taken: this thread may now read from it, too. */
  startPolling() {
    if (this.watching) return;
    this.watching = true;
    this.native.startPolling(this.drainLater);
  }

  /**
   * Something began (1) or ended (-1) that the native side may call about.
   *
   * @param {number} change
   * @param {number} [refs] the same for what keeps the process alive
   */
  hold(change, refs = change) {
    this.liveness.hold(change, refs);
  }

  /**
   * @param {number} key
   * @param {string} text
   */
  write(key, text) {
    const sent = this.fastPath.write(key, text);
    this.scheduleFlush();
    return sent === 1;
  }

  /**
   * @param {number} key
   * @param {ArrayBufferView} bytes
   */
  writeBinary(key, bytes) {
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const sent = this.native.writeBinary(key, view);
    this.scheduleFlush();
    return sent === 1;
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
        // faye-websocket is closing even when it throws.
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

  /** Something has been written: it leaves at the end of the batch, or of the running callback. */
  scheduleFlush() {
    if (this.exiting) return this.native.flushLast();
    if (this.draining || this.flushing) return;
    this.flushing = true;
    queueMicrotask(this.flushSoon);
  }

  /** Handles what has come in a tick of its own, unless that happens anyway. */
  drainSoon() {
    if (this.draining || this.soon) return;
    this.soon = true;
    nextTick(this.drainInTick);
  }

  /**
   * Writes what waits for a response over the bridge, now: in 0.3.24 a response that `write` or `close`
   * ends is over when they return, which `server.close()` in the same tick relies upon.
   *
   * @param {number} id
   */
  flushResponse(id) {
    this.pending.get(id)?.flush?.();
  }

  /** Hands to the kernel what has been written in this tick, before a socket of it is shut down. */
  flushWritten() {
    if (!this.flushing) return;
    this.flushing = false;
    this.native.flushLast();
  }

  /** Hands to the kernel what has been written, as far as it takes it: no tick and no microtask will follow. */
  flushLast() {
    for (const pending of this.pending.values()) pending.flush?.();
    this.native.flushLast();
  }

  flush() {
    if (this.native.flush() && !this.draining) this.drain();
  }

  /**
   * Handles all events that wait. Never throws: `rethrow` makes the exception of a listener an uncaught one.
   * Within a callback of Node's http parser it must not be `process.nextTick`: the parser would take the
   * exception for a failure of its own and end its connection, which may be unrelated. Callers in the event loop
   * or on the native side pass `process.nextTick`, so that nothing happens before the exception, as in 0.3.24.
   *
   * @param {(callback: () => void) => void} [rethrow]
   */
  drain(rethrow = setImmediate) {
    if (this.draining) return;
    this.draining = true;
    this.soon = false;
    this.round++;
    this.untilLook = EVENTS_PER_LOOK;
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
      // The other events of the batch follow if the process lives on.
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
    // This also sends what has been written, and what goes by the bridge comes back as events.
    this.filled = this.fastPath.drain(this.values, this.table);
    if (this.filled === 0) this.forgetRetired();
    return this.filled > 0;
  }

  forgetRetired() {
    if (this.retired.size === 0) return;
    for (const id of this.retired) this.pending.delete(id);
    this.retired.clear();
  }

  /**
   * @returns {boolean} false if the rest must wait: promises that a 'connection' listener awaits resolve before
   *   the first message of its connection, and other work needs the event loop
   */
  handleAll() {
    const { table, values } = this;
    while (this.handled < this.filled) {
      if (--this.untilLook < 0 && this.isLate()) return false;
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
        handleEvent(this, kind, table[row + 1], table[row + 2], table[row + 3], value);
      }
    }
    return true;
  }

  /** Whether `drain` has lasted long enough; asked every so many events. */
  isLate() {
    this.untilLook = EVENTS_PER_LOOK;
    const time = now();
    if (this.drainEnd === Infinity) this.drainEnd = time + LONGEST_DRAIN;
    return time > this.drainEnd;
  }

  /**
   * The event that is being handled has brought a request for this session.
   *
   * @param {import('./session').Session} session
   */
  receivedWithEvent(session) {
    this.received = session;
    this.receivedBy = this.handled - 1;
  }

  /**
   * The request that receives for a session: on the bridge as long as it lasts, else until all events that
   * came together with it have been handled.
   *
   * @param {import('./session').Session} session
   * @returns {import('node:http').IncomingMessage | string | undefined} text as `Head::whole` makes it
   */
  requestOf(session) {
    const pending = this.pending.get(session._bridge || session._response);
    if (pending?.request) return pending.request;
    if (this.received !== session) return undefined;
    const { receivedBy } = this;
    if (typeof receivedBy !== 'number') return receivedBy;
    return this.native.wholeRequest(receivedBy) ?? undefined;
  }

  /**
   * A taken socket is no longer ours.
   *
   * @param {number} takenId
   */
  release(takenId) {
    const taken = this.pending.get(takenId);
    if (taken === undefined) return undefined;
    this.pending.delete(takenId);
    this.hold(-1, taken.kept ? -1 : 0);
    return taken;
  }

  /**
   * A socket has been taken.
   *
   * @param {number} takenId
   * @param {boolean} kept whether the process stays alive for it
   */
  took(takenId, kept) {
    this.hold(1);
    this.refTaken(takenId, kept);
  }

  /**
   * `ref` and `unref` of a taken socket.
   *
   * @param {number} takenId
   * @param {boolean} kept
   */
  refTaken(takenId, kept) {
    const taken = this.pending.get(takenId);
    if (taken === undefined || taken.kept === kept) return;
    taken.kept = kept;
    this.hold(0, kept ? 1 : -1);
  }
}

/**
 * Held by services and, while it is used, by Node.
 *
 * @type {WeakRef<Engine> | undefined}
 */
let last;

/**
 * The engine of all services that this copy of the package has made in this environment; the first of them decides
 * how many I/O threads it has.
 *
 * @param {number} ioThreads
 * @returns {Engine}
 */
function getEngine(ioThreads) {
  const there = last?.deref();
  if (there) return there;
  const engine = new Engine(ioThreads);
  last = new WeakRef(engine);
  return engine;
}

module.exports = { getEngine, Engine };
