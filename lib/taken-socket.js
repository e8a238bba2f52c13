'use strict';

/**
 * @file A net.Socket whose connection the native side has. It stays what Node, and whoever has seen it, knows the
 * connection by: it is counted, and destroying it ends the connection.
 */

const { closeSync } = require('node:fs');
const { Socket } = require('node:net');

const { clearInterval, setImmediate, setInterval } = require('./globals');

/** What is known of a taken socket, and of one that was taken before. */
const kTaken = Symbol('taken');

/** @typedef {{ read: number, written: number }} Traffic bytes */

/**
 * @typedef {object} Taken
 * @property {import('./engine').Engine} engine
 * @property {number} takenId its number on the native side; 0 when it is no longer there
 * @property {Traffic} before what it had read and written before it was taken
 * @property {ReturnType<typeof setInterval> | undefined} timer looks at its traffic
 */

/**
 * The symbol under which a handle knows its socket, once it has been found.
 *
 * @type {symbol | undefined}
 */
let kOwner;

/**
 * Whether the handle of a socket can be taken off and another one be put in its place.
 *
 * @param {any} socket
 */
function hasPlainHandle(socket) {
  if (!COUNTS_TRAFFIC) return false;
  const prototype = Object.getPrototypeOf(socket);
  if (prototype !== Socket.prototype && prototype !== ReturnedSocket) return false;
  const handle = socket._handle;
  if (!(handle?.fd >= 0) || typeof handle.close !== 'function') return false;
  if (typeof handle.readStart !== 'function') return false;
  kOwner ??= Object.getOwnPropertySymbols(handle).find((symbol) => handle[symbol] === socket);
  return kOwner !== undefined && handle[kOwner] === socket;
}

/**
 * The socket loses its handle without closing the connection.
 *
 * @param {import('./engine').Engine} engine
 * @param {any} socket
 * @param {number} takenId
 */
function detachHandle(engine, socket, takenId) {
  const { bytesRead: read, bytesWritten: written } = socket;
  const handle = socket._handle;
  engine.took(takenId, handle.hasRef?.() ?? true);
  socket._handle = null;
  handle.onread = ignore;
  handle.close();
  socket[kTaken] = { engine, takenId, before: { read, written }, timer: undefined };
  // What all taken sockets share: an idle client should cost little.
  Object.setPrototypeOf(socket, TakenSocket);
  socket.on('finish', socket.destroy);
}

/**
 * The connection has come back: the socket goes on as it was.
 *
 * @param {any} socket
 * @param {number} fd a descriptor of the connection, which is the socket's from now on
 * @param {Traffic} traffic what went over it meanwhile
 * @returns {boolean} false when it cannot be; the connection is closed then
 */
function attachHandle(socket, fd, traffic) {
  let carrier;
  try {
    // Makes the handle for a descriptor; it does not begin to read.
    carrier = new Socket({ fd, manualStart: true, allowHalfOpen: true });
  } catch {
    // Not even a handle could be made, for want of memory.
    closeSync(fd);
    return false;
  }
  if (socket.destroyed) {
    carrier.destroy();
    return false;
  }
  const taken = socket[kTaken];
  const handle = carrier._handle;
  carrier._handle = null;
  handle[/** @type {symbol} */ (kOwner)] = socket;
  clearInterval(taken.timer);
  count(taken, traffic);
  socket.removeListener('finish', socket.destroy);
  Object.setPrototypeOf(socket, ReturnedSocket);
  socket._handle = handle;
  if (taken.timer !== undefined) socket.setTimeout(socket.timeout);
  return true;
}

/**
 * Node has the final say on a connection that the native side has ended.
 *
 * @param {any} socket
 * @param {Traffic} traffic
 */
function endTaken(socket, traffic) {
  count(socket[kTaken], traffic);
  socket.destroy();
}

/**
 * @param {Taken} taken
 * @param {Traffic} traffic
 */
function count(taken, { read, written }) {
  taken.takenId = 0;
  taken.before = { read: taken.before.read + read, written: taken.before.written + written };
}

/**
 * The socket is destroyed, by us or by somebody else.
 *
 * @param {any} socket
 */
function abandon(socket) {
  const taken = socket[kTaken];
  const { engine, takenId, timer } = taken;
  clearInterval(timer);
  if (takenId === 0) return;
  // As in 0.3.24, what was written in this tick leaves before.
  engine.flushWritten();
  const [read, written] = engine.native.traffic(takenId);
  count(taken, { read, written });
  if (engine.release(takenId)) engine.native.abandon(takenId);
}

/** What Node closes in the place of a handle, so that all else happens as with one. */
class ClosedHandle {
  /** @param {Traffic} traffic */
  constructor({ read, written }) {
    this.bytesRead = read;
    this.bytesWritten = written;
    this.onread = ignore;
  }

  /** @param {() => void} callback */
  close(callback) {
    setImmediate(callback);
  }
}

function ignore() {}

/** How often in a period the traffic is looked at. */
const LOOKS = 4;

/** What a taken socket does in another way than Node's. */
const TakenSocket = Object.create(Socket.prototype, {
  bytesRead: {
    configurable: true,
    get() {
      return total(this).read;
    },
  },
  bytesWritten: {
    configurable: true,
    get() {
      return total(this).written;
    },
  },
  pending: {
    configurable: true,
    get() {
      return this.destroyed;
    },
  },
  bufferSize: {
    configurable: true,
    get() {
      return this.destroyed ? undefined : this.writableLength;
    },
  },
  _destroy: {
    configurable: true,
    writable: true,
    value(
      /** @type {Error | null} */ error,
      /** @type {(error: Error | null) => void} */ callback,
    ) {
      abandon(this);
      this._handle = new ClosedHandle(total(this));
      Socket.prototype._destroy.call(this, error, callback);
    },
  },
  /** There is no handle to reset: the client sees an end. */
  resetAndDestroy: {
    configurable: true,
    writable: true,
    value() {
      return this.destroy();
    },
  },
  /** `end()`, with which hapi's `stop()` and others end connections, would find no handle to shut down. */
  _final: {
    configurable: true,
    writable: true,
    value(/** @type {() => void} */ callback) {
      this[kTaken].engine.flush();
      callback();
    },
  },
  ref: {
    configurable: true,
    writable: true,
    value() {
      return keepAlive(this, true);
    },
  },
  unref: {
    configurable: true,
    writable: true,
    value() {
      return keepAlive(this, false);
    },
  },
  /**
   * As Meteor calls it: the traffic is on the native side, so its counter is looked at four times in the
   * period, and `'timeout'` comes when it has not moved for all of it.
   */
  setTimeout: {
    configurable: true,
    writable: true,
    value(/** @type {number} */ milliseconds, /** @type {() => void} */ callback) {
      const taken = this[kTaken];
      clearInterval(taken.timer);
      taken.timer = undefined;
      this.timeout = milliseconds;
      if (callback) this.once('timeout', callback);
      if (!(milliseconds > 0) || taken.takenId === 0) return this;
      let seen = sum(this);
      let quiet = 0;
      const look = () => {
        const now = sum(this);
        quiet = now === seen ? quiet + 1 : 0;
        seen = now;
        // Once: Node's timer begins anew with the next byte only.
        if (quiet === LOOKS) this.emit('timeout');
      };
      taken.timer = setInterval(look, milliseconds / LOOKS).unref();
      return this;
    },
  },
});

/**
 * @param {any} socket
 * @returns {Traffic}
 */
function total(socket) {
  const { engine, takenId, before } = socket[kTaken];
  if (takenId === 0) return before;
  const [read, written] = engine.native.traffic(takenId);
  return { read: before.read + read, written: before.written + written };
}

/**
 * @param {any} socket
 * @param {boolean} kept whether the process stays alive for it
 */
function keepAlive(socket, kept) {
  const { engine, takenId } = socket[kTaken];
  engine.refTaken(takenId, kept);
  return socket;
}

/** @param {any} socket */
function sum(socket) {
  const { read, written } = total(socket);
  return read + written;
}

/**
 * @param {string} name
 * @returns {(() => number) | undefined} what reads it of a socket that has a handle
 */
function getterOf(name) {
  return Object.getOwnPropertyDescriptor(Socket.prototype, name)?.get;
}

/** Whether sockets are known to count what goes over them. */
const COUNTS_TRAFFIC = ['bytesRead', 'bytesWritten'].every((name) => getterOf(name) !== undefined);

/** A socket that has a handle again: a handle counts from 0. */
const ReturnedSocket = Object.create(Socket.prototype, {
  bytesRead: counter('bytesRead', 'read'),
  bytesWritten: counter('bytesWritten', 'written'),
});

/**
 * @param {'bytesRead' | 'bytesWritten'} name
 * @param {'read' | 'written'} way
 * @returns {PropertyDescriptor}
 */
function counter(name, way) {
  const get = getterOf(name);
  return {
    configurable: true,
    get() {
      return this[kTaken].before[way] + (get?.call(this) ?? 0);
    },
  };
}

module.exports = { attachHandle, detachHandle, endTaken, hasPlainHandle };
