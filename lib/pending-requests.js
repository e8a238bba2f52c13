'use strict';

/**
 * @file Requests and taken sockets, by the numbers under which the native side knows them.
 */

/**
 * A request or websocket on the bridge, or a taken socket with the request that it was taken with.
 *
 * @typedef {object} Pending
 * @property {import('node:net').Socket} socket
 * @property {import('node:http').IncomingMessage | undefined} request
 * @property {import('node:http').ServerResponse} [response] the response to `request`
 * @property {import('node:http').Server | undefined} server the http server of a taken socket
 * @property {import('node:async_hooks').AsyncResource | undefined} resource `'connection'` is emitted in this context
 * @property {import('./install').Installation} [installation] keeps the services of a taken HTTP connection alive
 * @property {import('./server').Service} [service] keeps the service of a websocket alive
 * @property {boolean} [kept] whether a taken socket keeps the process alive
 * @property {() => void} [flush] on the bridge: writes what waits
 * @property {(paused: boolean) => void} [pause] on the bridge: stops or restarts reading from the client of a websocket
 */

/** @extends {Map<number, Pending>} */
class PendingRequests extends Map {
  /** @param {import('./liveness').Liveness} liveness */
  constructor(liveness) {
    super();
    this.liveness = liveness;
    this.lastId = 0;
    /** Requests to delete when all events have been handled. @type {Set<number>} */
    this.retired = new Set();
  }

  nextId() {
    return (this.lastId = (this.lastId + 1) >>> 0);
  }

  /**
   * @param {Pending} pending
   * @param {number} [id] its number, if it has one
   * @returns {number} its number
   */
  add(pending, id = this.nextId()) {
    this.set(id, pending);
    return id;
  }

  /**
   * Marks a request on the bridge as ended. It is deleted later, because events that wait may still have its number.
   *
   * @param {number} id
   * @returns {boolean} false if it was marked before
   */
  retire(id) {
    if (!this.has(id) || this.retired.has(id)) return false;
    this.retired.add(id);
    return true;
  }

  /** Deletes the marked requests, because no events wait. */
  deleteRetired() {
    if (this.retired.size === 0) return;
    for (const id of this.retired) this.delete(id);
    this.retired.clear();
  }

  /**
   * Counts a socket that has been taken.
   *
   * @param {number} takenId
   * @param {boolean} kept whether it keeps the process alive
   */
  took(takenId, kept) {
    this.liveness.hold(1, 1);
    this.keepAlive(takenId, kept);
  }

  /**
   * Implements `ref` and `unref` of a taken socket.
   *
   * @param {number} takenId
   * @param {boolean} kept
   */
  keepAlive(takenId, kept) {
    const taken = this.get(takenId);
    if (taken === undefined || taken.kept === kept) return;
    taken.kept = kept;
    this.liveness.hold(0, kept ? 1 : -1);
  }

  /**
   * Deletes a taken socket, because the native side no longer has it.
   *
   * @param {number} takenId
   * @returns {Pending | undefined} undefined if it was deleted before
   */
  release(takenId) {
    const taken = this.get(takenId);
    if (taken === undefined) return undefined;
    this.delete(takenId);
    this.liveness.hold(-1, taken.kept ? -1 : 0);
    return taken;
  }
}

module.exports = { PendingRequests };
