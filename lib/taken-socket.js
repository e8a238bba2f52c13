'use strict';

/**
 * @file The `net.Socket` of a connection that the native side has taken. Node and other packages still hold it: Node's
 * server counts it, and destroying it ends the connection. If the connection comes back, it gets a handle again.
 */

const { closeSync } = require('node:fs');
const { Socket } = require('node:net');

const { clearInterval, setImmediate, setInterval } = require('./globals');

/** The property of a socket that is or was taken; see `Taken`. */
const kTaken = Symbol('taken');

/** @typedef {{ read: number, written: number }} Traffic numbers of bytes */

/**
 * @typedef {object} Taken
 * @property {import('./engine').Engine} engine
 * @property {number} takenId the native side's number for it; 0 when the native side no longer has it
 * @property {Traffic} before the traffic until it was taken; if takenId is 0, until the native side gave it up
 * @property {ReturnType<typeof setInterval> | undefined} timer the timer of `setTimeout`
 */

/**
 * The symbol of the property in which a handle has its socket. It is found on the first handle.
 *
 * @type {symbol | undefined}
 */
let kOwner;

/**
 * Whether the handle of a socket can be removed now, and replaced later: the socket has the properties that are known
 * from Node.
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
 * Takes the handle from a socket. The native side has a descriptor of its own, so the connection stays open.
 *
 * @param {import('./engine').Engine} engine
 * @param {any} socket
 * @param {number} takenId
 */
function detachHandle(engine, socket, takenId) {
  const { bytesRead: read, bytesWritten: written } = socket;
  const handle = socket._handle;
  engine.pending.took(takenId, handle.hasRef?.() ?? true);
  socket._handle = null;
  handle.onread = ignore;
  handle.close();
  socket[kTaken] = { engine, takenId, before: { read, written }, timer: undefined };
  // Own functions for each socket would need almost a kilobyte for an idle client.
  Object.setPrototypeOf(socket, TakenSocket);
  socket.on('finish', socket.destroy);
}

/**
 * Gives a taken socket a handle again, because the connection has come back.
 *
 * @param {any} socket
 * @param {number} fd a descriptor of the connection, which the socket owns from now on
 * @param {Traffic} traffic the bytes that the native side has read and written
 * @returns {boolean} false if it failed; then the descriptor is closed
 */
function attachHandle(socket, fd, traffic) {
  let temporary;
  try {
    // Only this makes a handle of the right kind from a descriptor. It does not begin to read.
    temporary = new Socket({ fd, manualStart: true, allowHalfOpen: true });
  } catch {
    // Node cannot make a handle, for example because memory is exhausted.
    closeSync(fd);
    return false;
  }
  if (socket.destroyed) {
    temporary.destroy();
    return false;
  }
  const taken = socket[kTaken];
  const handle = temporary._handle;
  temporary._handle = null;
  handle[/** @type {symbol} */ (kOwner)] = socket;
  clearInterval(taken.timer);
  addTraffic(taken, traffic);
  socket.removeListener('finish', socket.destroy);
  Object.setPrototypeOf(socket, ReturnedSocket);
  socket._handle = handle;
  if (taken.timer !== undefined) socket.setTimeout(socket.timeout);
  return true;
}

/**
 * Destroys the socket of a connection that the native side has ended.
 *
 * @param {any} socket
 * @param {Traffic} traffic the bytes that the native side has read and written
 */
function endTaken(socket, traffic) {
  addTraffic(socket[kTaken], traffic);
  socket.destroy();
}

/**
 * @param {Taken} taken the native side no longer has it
 * @param {Traffic} traffic
 */
function addTraffic(taken, { read, written }) {
  taken.takenId = 0;
  taken.before = { read: taken.before.read + read, written: taken.before.written + written };
}

/**
 * Ends the connection of a socket that is being destroyed, unless the native side has ended it already.
 *
 * @param {any} socket
 */
function abandon(socket) {
  const taken = socket[kTaken];
  const { engine, takenId, timer } = taken;
  clearInterval(timer);
  if (takenId === 0) return;
  // As in 0.3.24, what was written in this tick is sent first.
  engine.flushWritten();
  const [read, written] = engine.native.traffic(takenId);
  addTraffic(taken, { read, written });
  if (engine.pending.release(takenId)) engine.native.abandon(takenId);
}

/** Stands in for the handle while Node destroys the socket, so that Node does all that it does with a handle. */
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

/** How many times `setTimeout` checks the traffic in its period. */
const CHECKS = 4;

/** The prototype of taken sockets: the members that need a handle in Node's sockets. */
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
  /** There is no handle that could be reset, so the client sees a normal end. */
  resetAndDestroy: {
    configurable: true,
    writable: true,
    value() {
      return this.destroy();
    },
  },
  /** `end()` calls this, with which hapi's `stop()` and others end connections. Node's method needs a handle. */
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
   * Meteor calls this. Node's timer restarts with each read and write, which happen on the native side. So the traffic
   * is checked four times in a period, and `'timeout'` is emitted when it has not changed in four checks.
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
      let last = totalBytes(this);
      let unchanged = 0;
      const check = () => {
        const bytes = totalBytes(this);
        unchanged = bytes === last ? unchanged + 1 : 0;
        last = bytes;
        // Not at later checks: Node's timer too restarts only with the next byte.
        if (unchanged === CHECKS) this.emit('timeout');
      };
      taken.timer = setInterval(check, milliseconds / CHECKS).unref();
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
 * @param {boolean} kept whether it keeps the process alive
 */
function keepAlive(socket, kept) {
  const { engine, takenId } = socket[kTaken];
  engine.pending.keepAlive(takenId, kept);
  return socket;
}

/** @param {any} socket */
function totalBytes(socket) {
  const { read, written } = total(socket);
  return read + written;
}

/**
 * @param {string} name
 * @returns {(() => number) | undefined} Node's getter of this property
 */
function getterOf(name) {
  return Object.getOwnPropertyDescriptor(Socket.prototype, name)?.get;
}

/** Whether this version of Node counts the traffic in getters of the prototype. */
const COUNTS_TRAFFIC = ['bytesRead', 'bytesWritten'].every((name) => getterOf(name) !== undefined);

/** The prototype of sockets that came back: their new handle counts from 0, so the traffic before it is added. */
const ReturnedSocket = Object.create(Socket.prototype, {
  bytesRead: counter('bytesRead', 'read'),
  bytesWritten: counter('bytesWritten', 'written'),
});

/**
 * @param {'bytesRead' | 'bytesWritten'} name
 * @param {'read' | 'written'} direction
 * @returns {PropertyDescriptor}
 */
function counter(name, direction) {
  const get = getterOf(name);
  return {
    configurable: true,
    get() {
      return this[kTaken].before[direction] + (get?.call(this) ?? 0);
    },
  };
}

module.exports = { attachHandle, detachHandle, endTaken, hasPlainHandle };
