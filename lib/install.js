'use strict';

/**
 * @file The services on an http server. Finds the service of each request, and chooses its ingress: takeover or bridge.
 */

const { EventEmitter } = require('node:events');

const { serveRequest } = require('./bridge');
const { areRequestsObserved } = require('./observers');
const { Session } = require('./session');
const { takeRequest } = require('./takeover');
const { serveUpgrade } = require('./upgrade');
const { closeAfterUpgrade, declineUpgrade, serveWithoutUpgrade } = require('./without-upgrade');

const [MAJOR, MINOR] = process.versions.node.split('.').map(Number);

/**
 * The installations of http servers, by their listener function.
 *
 * @type {WeakMap<Function, Installation>}
 */
const installations = new WeakMap();

/**
 * All installations on an http server. There is more than one if the application added a listener between two
 * services.
 *
 * @type {WeakMap<import('node:http').Server, Installation[]>}
 */
const byHttpServer = new WeakMap();

/** Bun and Deno also have `process.versions.node`, but their sockets lack the internals of Node's. */
const IS_NODE = process.versions.bun === undefined && process.versions.deno === undefined;

const IS_WINDOWS = process.platform === 'win32';

/** Services on one http server that share one listener for `request` and one for `upgrade`. */
class Installation {
  /**
   * @param {import('node:http').Server} httpServer
   * @param {import('./engine').Engine} engine
   */
  constructor(httpServer, engine) {
    this.httpServer = httpServer;
    this.engine = engine;
    /** The native side's number for this installation. */
    this.id = engine.native.createInstallation();
    engine.ids.addInstallation(this);
    /** Newest first. @type {import('./server').Service[]} */
    this.services = [];
    /** The http server's limits as the native side knows them, as text. */
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
    /** Whether the http server had listeners for upgrades before. They are called if no service claims the request. */
    this.hadUpgradeListeners = httpServer.listenerCount('upgrade') > 0;
    this.onUpgrade = this.intercept('upgrade', (request, socket, head) => {
      const service = this.find(request.url);
      if (service !== undefined) {
        serveUpgrade(service, request, socket, head, this);
      } else if (this.hadUpgradeListeners || !this.isAloneFor('upgrade', this.onUpgrade)) {
        return false;
      } else {
        // Node has upgraded only because of this listener. Without an answer, the socket would stay open for ever, and
        // an 'error' event on it would end the process.
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
   * Removes the services of a server.
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
   * Replaces the listeners of an event with one, which calls them if the event is not for a service.
   *
   * @param {string} event
   * @param {(...args: any[]) => boolean} handle returns whether it has handled the event
   */
  intercept(event, handle) {
    const { httpServer } = this;
    const replaced = httpServer.listeners(event).slice();
    httpServer.removeAllListeners(event);
    /** @this {unknown} */
    const listener = function (...args) {
      if (handle(...args)) return true;
      for (const original of replaced) original.apply(this, args);
      return false;
    };
    installations.set(listener, this);
    httpServer.on(event, listener);
    return listener;
  }

  /**
   * Whether nothing else needs to see the requests of the http server: no listener for `request` was added later, and
   * no package has replaced `emit` or `decorateConnection`. Only then may connections leave Node. Always false if all
   * requests take the bridge.
   */
  isAlone() {
    return (
      !this.bridgeOnly &&
      this.isAloneFor('request', this.onRequest) &&
      // A replaced `decorateConnection` needs Node's request.
      !Session.isPatched()
    );
  }

  /**
   * Whether a listener is the only one that an event of the http server reaches.
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
   * Whether a connection may leave Node now. If not, connections that have been taken return to Node with their next
   * request.
   */
  mayTake() {
    const { httpServer } = this;
    const may =
      this.isAlone() &&
      !areRequestsObserved() &&
      // The native side has no equivalent of these.
      !(httpServer.timeout > 0) &&
      !(httpServer.maxRequestsPerSocket > 0) &&
      httpServer.listenerCount('timeout') === 0;
    this.withdraw(!may);
    return may;
  }

  /** @param {boolean} withdrawn whether connections stay in Node. Taken ones then return with their next request */
  withdraw(withdrawn) {
    if (withdrawn === this.withdrawn) return;
    this.withdrawn = withdrawn;
    this.engine.native.installationWithdraw(this.id, withdrawn);
  }

  /** Withdraws when a listener for `request` or `timeout` is added, and checks again when one is removed. */
  followOtherListeners() {
    const { httpServer } = this;
    httpServer.on('newListener', (event) => {
      if (event === 'request' || event === 'timeout') this.withdraw(true);
    });
    httpServer.on('removeListener', (event) => {
      if (event === 'request' || event === 'timeout') this.mayTake();
    });
  }

  /** Node reads its settings at each request, so a change must also reach connections that have been taken. */
  followSettings() {
    if (this.bridgeOnly) return;
    const follow = () => {
      this.mayTake();
      this.configure();
    };
    for (const name of SETTINGS) followProperty(this.httpServer, name, follow);
  }

  /**
   * Because of our listener, Node upgrades every request that asks for it. Versions with `shouldUpgradeCallback` are
   * told not to upgrade a request that is neither a handshake for a service nor for an earlier listener. If the
   * application's own callback has refused the request already, that stands.
   */
  followUpgrades() {
    const { httpServer } = this;
    const original = httpServer.shouldUpgradeCallback;
    if (typeof original !== 'function') return;
    const { onUpgrade } = this;
    httpServer.shouldUpgradeCallback = (/** @type {any} */ request) => {
      if (!original.call(httpServer, request)) return false;
      // Another listener may serve the request, or rewrite its target.
      if (!this.isAloneFor('upgrade', onUpgrade)) return true;
      const service = this.find(request.url);
      if (service === undefined ? this.hadUpgradeListeners : service.hasWebsocket(request)) {
        return true;
      }
      declineUpgrade(request);
      return false;
    };
  }

  /** Makes `closeIdleConnections`, which `close` calls from Node 19 on, reach taken connections too. */
  followIdleConnections() {
    const { httpServer, engine, id } = this;
    const original = httpServer.closeIdleConnections;
    if (typeof original !== 'function') return;
    httpServer.closeIdleConnections = function closeIdleConnections() {
      // A poll that a published message ends is then idle.
      engine.deliverPublished();
      engine.native.installationCloseIdle(id);
      return original.call(this);
    };
  }

  /** Tells the native side the http server's limits, if they have changed. */
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
      // Node 18 stops the timer of an idle connection at the first byte, later versions when a head is complete.
      stalled: MAJOR > 18 ? idle : 0,
      // Node, too, swaps the two if `headersTimeout` is larger than `requestTimeout`.
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
 * @param {any} value the value of a property that applications set
 * @returns {number} milliseconds; 0 for no limit
 */
function limit(value) {
  return value > 0 ? Number(value) : 0;
}

/** The properties of an http server that affect open connections. */
const SETTINGS = [
  ...['keepAliveTimeout', 'keepAliveTimeoutBuffer', 'headersTimeout', 'requestTimeout'],
  ...['timeout', 'maxRequestsPerSocket'],
];

/**
 * Replaces a property with an accessor that behaves in the same way and reports changes.
 *
 * @param {any} object
 * @param {string} name
 * @param {() => void} changed is called after each assignment
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
 * Milliseconds for which Node keeps an idle connection open beyond `keepAliveTimeout`, the time that it announces to
 * the client. The next request of the client may already be on its way.
 *
 * @param {import('node:http').Server & { keepAliveTimeoutBuffer?: number }} httpServer
 */
function keepAliveBuffer({ keepAliveTimeoutBuffer: buffer }) {
  if (buffer === undefined) return KEEP_ALIVE_BUFFER;
  return Number.isFinite(buffer) && buffer >= 0 ? buffer : 1000;
}

/** The same in versions of Node without a property for it: 1000 from 20.18 and 22.9 on, 0 before. */
const KEEP_ALIVE_BUFFER =
  MAJOR > 22 || (MAJOR === 22 && MINOR >= 9) || (MAJOR === 20 && MINOR >= 18) ? 1000 : 0;

/**
 * Adds a service to the installation that listens on an http server, or to a new one. Newer services come first.
 *
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
 * Removes the services of a server from an http server.
 *
 * @param {import('node:http').Server} httpServer
 * @param {import('./server').Server} server
 */
function uninstall(httpServer, server) {
  for (const installation of byHttpServer.get(httpServer) ?? []) installation.remove(server);
}

module.exports = { install, uninstall };
