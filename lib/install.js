'use strict';

/**
 * @file An http server with services on it: who sees a request first, and by which ingress it goes.
 */

const { EventEmitter } = require('node:events');

const { serveRequest } = require('./bridge');
const { watchAll } = require('./observers');
const { Session } = require('./session');
const { takeRequest, takeUpgrade } = require('./takeover');
const { isHandshake, serveUpgrade } = require('./upgrade');
const { closeAfterUpgrade, declineUpgrade, serveWithoutUpgrade } = require('./without-upgrade');

const [MAJOR, MINOR] = process.versions.node.split('.').map(Number);

/**
 * The listener functions that installations have put on http servers.
 *
 * @type {WeakMap<Function, Installation>}
 */
const installations = new WeakMap();

/**
 * All installations on an http server; more than one when others listened in between.
 *
 * @type {WeakMap<import('node:http').Server, Installation[]>}
 */
const byHttpServer = new WeakMap();

/** Bun and Deno call themselves a Node, but have other things in its sockets. */
const IS_NODE = process.versions.bun === undefined && process.versions.deno === undefined;

const IS_WINDOWS = process.platform === 'win32';

/** The services that were put on one http server and share one listener on each of its events. */
class Installation {
  /**
   * @param {import('node:http').Server} httpServer
   * @param {import('./engine').Engine} engine
   */
  constructor(httpServer, engine) {
    this.httpServer = httpServer;
    this.engine = engine;
    /** The native side's number for the http server. */
    this.id = engine.native.createInstallation();
    engine.ids.addInstallation(this);
    /** Newest first. @type {import('./server').Service[]} */
    this.services = [];
    /** What was last said to the native side about the http server. */
    this.settings = '';
    this.withdrawn = false;
    this.bridgeOnly = process.env.SOCKJS_RS_DOOR === 'bridge' || !IS_NODE || IS_WINDOWS;
    this.onRequest = this.intercept('request', (request, response) => {
      const isLast = closeAfterUpgrade(request, response);
      const service = this.find(request.url);
      if (service === undefined) return false;
      if (isLast || !takeRequest(this, service, request, response)) {
        serveRequest(service, request, response);
      }
      return true;
    });
    /** Whether somebody else listened for upgrades before. */
    this.othersUpgrade = httpServer.listenerCount('upgrade') > 0;
    this.onUpgrade = this.intercept('upgrade', (request, socket, head) => {
      const service = this.find(request.url);
      if (service !== undefined) {
        serveUpgrade(service, request, socket, head, takeUpgrade(this));
      } else if (this.othersUpgrade || !this.isAloneFor('upgrade', this.onUpgrade)) {
        return false;
      } else {
        // Node upgrades because of our listener only. A socket that nobody looks after would stay for ever,
        // and an error of it would end the process.
        serveWithoutUpgrade(undefined, request, socket, head, httpServer);
      }
      return true;
    });
    this.followOtherListeners();
    this.followSettings();
    this.followUpgrades();
    this.followIdleConnections();
  }

  /** @param {import('./server').Service} service */
  add(service) {
    this.services.unshift(service);
    this.engine.native.installationAdd(this.id, service.id);
  }

  /**
   * Takes the services of a server away.
   *
   * @param {import('./server').Server} server
   */
  remove(server) {
    for (const service of this.services) {
      if (service.server === server) this.engine.ids.leave(this.id, service);
    }
    this.services = this.services.filter((service) => service.server !== server);
  }

  /** @param {string} target */
  find(target) {
    for (const service of this.services) if (service.claims(target)) return service;
    return undefined;
  }

  /**
   * Puts itself in the place of the listeners of an event, which it calls with what is not ours.
   *
   * @param {string} event
   * @param {(...args: any[]) => boolean} handle
   */
  intercept(event, handle) {
    const { httpServer } = this;
    const others = httpServer.listeners(event).slice();
    httpServer.removeAllListeners(event);
    /** @this {unknown} */
    const listener = function (...args) {
      if (handle(...args)) return true;
      for (const other of others) other.apply(this, args);
      return false;
    };
    installations.set(listener, this);
    httpServer.on(event, listener);
    return listener;
  }

  /**
   * Whether nobody else sees the requests of the http server, neither by listening nor by having
   * replaced its `emit`. Only then connections may leave Node.
   */
  isAlone() {
    return (
      !this.bridgeOnly &&
      this.isAloneFor('request', this.onRequest) &&
      // A patched one wants to see the request.
      !Session.isPatched()
    );
  }

  /**
   * Whether an event of the http server reaches our listener only.
   *
   * @param {string} event
   * @param {Function} listener
   */
  isAloneFor(event, listener) {
    const { httpServer } = this;
    const listeners = httpServer.listeners(event);
    return (
      listeners.length === 1 &&
      listeners[0] === listener &&
      httpServer.emit === EventEmitter.prototype.emit
    );
  }

  /**
   * Whether a connection may leave Node now. When none may, those that have been taken go back with their next
   * request.
   */
  mayTake() {
    const { httpServer } = this;
    const may =
      this.isAlone() &&
      !watchAll() &&
      // What these do, and whom they call, cannot be seen from here.
      !(httpServer.timeout > 0) &&
      !(httpServer.maxRequestsPerSocket > 0) &&
      httpServer.listenerCount('timeout') === 0;
    this.withdraw(!may);
    return may;
  }

  /** @param {boolean} withdrawn whether connections stay in Node, or return to it with their next request */
  withdraw(withdrawn) {
    if (withdrawn === this.withdrawn) return;
    this.withdrawn = withdrawn;
    this.engine.native.installationWithdraw(this.id, withdrawn);
  }

  /** When somebody else begins to listen, connections that were taken go back with their next request. */
  followOtherListeners() {
    const { httpServer } = this;
    httpServer.on('newListener', (event) => {
      if (event === 'request' || event === 'timeout') this.withdraw(true);
    });
    httpServer.on('removeListener', (event) => {
      if (event === 'request' || event === 'timeout') this.mayTake();
    });
  }

  /** Node reads its settings at each request: a change of one reaches connections that were taken before. */
  followSettings() {
    if (this.bridgeOnly) return;
    const follow = () => {
      this.mayTake();
      this.configure();
    };
    for (const name of SETTINGS) followProperty(this.httpServer, name, follow);
  }

  /**
   * Node upgrades every request that asks for it because we listen for upgrades. Where it can be told that one
   * is no handshake of ours, it is; an application's own answer to that counts more.
   */
  followUpgrades() {
    const { httpServer } = this;
    const original = httpServer.shouldUpgradeCallback;
    if (typeof original !== 'function') return;
    const { onUpgrade } = this;
    httpServer.shouldUpgradeCallback = (/** @type {any} */ request) => {
      if (!original.call(httpServer, request)) return false;
      // Others may think otherwise of it, or rewrite its target.
      if (!this.isAloneFor('upgrade', onUpgrade)) return true;
      const service = this.find(request.url);
      if (service === undefined ? this.othersUpgrade : isHandshake(service, request)) return true;
      declineUpgrade(request);
      return false;
    };
  }

  /** `closeIdleConnections`, which `close` calls on Node 19 and later, reaches taken connections too. */
  followIdleConnections() {
    const { httpServer, engine, id } = this;
    const original = httpServer.closeIdleConnections;
    if (typeof original !== 'function') return;
    httpServer.closeIdleConnections = function closeIdleConnections() {
      engine.native.installationCloseIdle(id);
      return original.call(this);
    };
  }

  /** Tells the native side about the http server's limits, when they have changed. */
  configure() {
    const { httpServer } = this;
    const keepAlive = limit(httpServer.keepAliveTimeout);
    const idle = keepAlive > 0 ? keepAlive + keepAliveBuffer(httpServer) : 0;
    const headers = limit(httpServer.headersTimeout);
    const request = limit(httpServer.requestTimeout);
    const areSwapped = request > 0 && headers > request;
    const limits = {
      keepAlive,
      idle,
      // Node 18 stops its timer for idle connections at the first byte, later versions when a head is complete.
      stalled: MAJOR > 18 ? idle : 0,
      // As Node does it when the second has become less than the first.
      headers: areSwapped ? request : headers,
      request: areSwapped ? headers : request,
      maxHeaderSize: httpServer.maxHeaderSize || require('node:http').maxHeaderSize,
    };
    const settings = Object.values(limits).join();
    if (settings === this.settings) return;
    this.settings = settings;
    this.engine.native.installationConfigure(this.id, limits);
  }
}

/**
 * @param {any} value of a property that applications set
 * @returns {number} milliseconds; 0 for none
 */
function limit(value) {
  return value > 0 ? Number(value) : 0;
}

/** Properties of an http server that matter to connections which are open. */
const SETTINGS = [
  ...['keepAliveTimeout', 'keepAliveTimeoutBuffer', 'headersTimeout', 'requestTimeout'],
  ...['timeout', 'maxRequestsPerSocket'],
];

/**
 * Makes an accessor of a property, which is otherwise as it was.
 *
 * @param {any} object
 * @param {string} name
 * @param {() => void} changed is called when it has been set
 */
function followProperty(object, name, changed) {
  const own = Object.getOwnPropertyDescriptor(object, name);
  if (!own?.configurable || !(own.writable || (own.get && own.set))) return;
  let { value } = own;
  Object.defineProperty(object, name, {
    configurable: true,
    enumerable: own.enumerable,
    get: own.get ?? (() => value),
    set(to) {
      if (own.set) own.set.call(this, to);
      else value = to;
      changed();
    },
  });
}

/**
 * Milliseconds that Node leaves an idle connection open after the time that it has announced, because the next
 * request of a client may be on its way.
 *
 * @param {import('node:http').Server & { keepAliveTimeoutBuffer?: number }} httpServer
 */
function keepAliveBuffer({ keepAliveTimeoutBuffer: buffer }) {
  if (buffer === undefined) return KEEP_ALIVE_BUFFER;
  return Number.isFinite(buffer) && buffer >= 0 ? buffer : 1000;
}

/** In versions of Node without a property for it: none before 20.18 and 22.9, then a second. */
const KEEP_ALIVE_BUFFER =
  MAJOR > 22 || (MAJOR === 22 && MINOR >= 9) || (MAJOR === 20 && MINOR >= 18) ? 1000 : 0;

/**
 * @param {import('node:http').Server} httpServer
 * @param {import('./server').Service} service
 */
function install(httpServer, service) {
  const requests = httpServer.listeners('request');
  const upgrades = httpServer.listeners('upgrade');
  const existing = requests.length === 1 ? installations.get(requests[0]) : undefined;
  const shared =
    existing !== undefined &&
    upgrades.length === 1 &&
    installations.get(upgrades[0]) === existing &&
    existing.engine === service.engine;
  const installation = shared ? existing : new Installation(httpServer, service.engine);
  if (!shared) {
    byHttpServer.set(httpServer, [...(byHttpServer.get(httpServer) ?? []), installation]);
  }
  installation.add(service);
}

/**
 * @param {import('node:http').Server} httpServer
 * @param {import('./server').Server} server
 */
function uninstall(httpServer, server) {
  for (const installation of byHttpServer.get(httpServer) ?? []) installation.remove(server);
}

module.exports = { install, uninstall };
