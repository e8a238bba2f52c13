'use strict';

/**
 * @file The exports of the package: `createServer`, `listen` and `Server`; and `Service`, one prefix of a server.
 */

const { EventEmitter } = require('node:events');

const { version } = require('../package.json');
const { JSON, Promise } = require('./globals');
const { bridgeHandler } = require('./upgrade');
const { getEngine } = require('./engine');
const { invalidArgument, invalidOption } = require('./errors');
const { install, uninstall } = require('./install');
const { check, complete, warnings, toNative } = require('./options');
const rooms = require('./rooms');
const { warnOnce } = require('./warn');

/** A SockJS service. Emits `'connection'` with a `Connection`. */
class Server extends EventEmitter {
  /** @param {Record<string, any>} [options] */
  constructor(options) {
    super();
    /** @type {Record<string, any>} */
    this.options = complete(options);
    check(this.options);
    /**
     * The sessions of this server, one registry for each prefix.
     *
     * @type {Map<string, Registry>}
     */
    this._registries = new Map();
    /** The rooms of this server; undefined before its first service. @type {rooms.Rooms | undefined} */
    this._rooms = undefined;
  }

  /**
   * Makes a service. Its options override those of the server.
   *
   * @param {Record<string, any>} [options]
   */
  listener(options) {
    return new Service(this, complete(options, this.options));
  }

  /**
   * Serves the requests under the prefix on an http or https server. May be called several times, also for several
   * servers.
   *
   * @param {import('node:http').Server} httpServer
   * @param {Record<string, any>} [options]
   * @returns {true}
   */
  installHandlers(httpServer, options) {
    if (typeof httpServer?.listeners !== 'function') {
      throw invalidArgument('the first argument of installHandlers', 'an http server', httpServer);
    }
    install(httpServer, this.listener(options));
    return true;
  }

  /**
   * sockjs 0.4: the same as `installHandlers`.
   *
   * @param {import('node:http').Server} httpServer
   */
  attach(httpServer) {
    this.installHandlers(httpServer);
  }

  /**
   * sockjs 0.4: removes the services of this server from an http server. Later requests under their prefix reach the
   * application; open connections stay.
   *
   * @param {import('node:http').Server} httpServer
   */
  detach(httpServer) {
    uninstall(httpServer, this);
  }

  /**
   * Sends a message to all members of a room.
   *
   * @param {string} room
   * @param {unknown} message
   * @param {rooms.PublishOptions} [options]
   * @returns {number} connections of this process that it was handed to
   */
  publish(room, message, options) {
    return rooms.publish(this, room, message, options);
  }

  /**
   * Sends a message to all connections.
   *
   * @param {unknown} message
   * @param {rooms.PublishOptions} [options]
   * @returns {number} connections of this process that it was handed to
   */
  broadcast(message, options) {
    return rooms.broadcast(this, message, options);
  }

  /**
   * @param {string} room
   * @returns {number} its members in this process
   */
  size(room) {
    return rooms.size(this, room);
  }

  /** @returns {string[]} the rooms that have members in this process, in no particular order */
  rooms() {
    return rooms.names(this);
  }

  /**
   * @param {string} room
   * @returns {Promise<{ count: number, complete: boolean }>} its members. Throws at once if the name cannot be one
   */
  count(room) {
    return Promise.resolve({ count: rooms.size(this, room), complete: true });
  }

  /**
   * Closes all members of a room.
   *
   * @param {string} room
   * @param {number} [code]
   * @param {string} [reason]
   * @returns {Promise<{ count: number, complete: boolean }>} how many were closed. Throws at once for wrong arguments
   */
  closeRoom(room, code, reason) {
    return Promise.resolve({ count: rooms.closeMembers(this, room, code, reason), complete: true });
  }

  /** @param {import('./connection').Connection} connection */
  _announce(connection) {
    this.emit('connection', connection);
  }

  /**
   * Makes a handler for `request` and `upgrade` events: `(req, res, head) => boolean`. It never calls `next`. It
   * returns whether the request belonged to the service.
   *
   * @param {Record<string, any>} [options]
   */
  middleware(options) {
    const handler = this.listener(options).getHandler();
    return Object.assign(handler, { upgrade: handler });
  }
}

/**
 * A server with the interface of 0.0.x to 0.2 in addition to that of 0.3.x: the server event `'open'`, the connection
 * event `'message'` with `{ data }`, and `conn.send(message)`.
 */
class FirstServer extends Server {
  /** @param {import('./connection').Connection} connection */
  _announce(connection) {
    connection.send = sendAsWrite;
    connection.on('data', emitAsMessage);
    super._announce(connection);
    this.emit('open', connection);
  }
}

/**
 * @this {import('./connection').Connection}
 * @param {unknown} message
 */
function sendAsWrite(message) {
  return this.write(message);
}

/**
 * @this {import('./connection').Connection}
 * @param {unknown} data
 */
function emitAsMessage(data) {
  this.emit('message', { data });
}

/** The sessions of one server and prefix. The native side has them; this is only their number. */
class Registry {
  /** @param {import('./engine').Engine} engine */
  constructor(engine) {
    /** The reference keeps the engine alive, so that all services of a server have the same engine. */
    this.engine = engine;
    this.number = engine.native.createRegistry();
    engine.ids.addRegistry(this);
  }
}

/** The characters that `.` does not match in a regular expression. */
const LINE_TERMINATOR = /[\n\r\u2028\u2029]/;

/** A service under one prefix. */
class Service {
  /**
   * @param {Server} server
   * @param {Record<string, any>} options with all defaults
   */
  constructor(server, options) {
    check(options);
    this.server = server;
    this.options = options;
    this.engine = getEngine(Number(options.io_threads));
    const { native } = this.engine;
    let registry = server._registries.get(options.prefix);
    if (registry === undefined) {
      registry = new Registry(this.engine);
      server._registries.set(options.prefix, registry);
    }
    server._rooms ??= new rooms.Rooms(this.engine);
    /** The native side's number for this service. */
    this.id = createService(native, registry.number, server._rooms.number, options);
    this.engine.ids.addService(this);
    /** The prefix, if it can be compared as text; null if it is an expression. @type {string | null} */
    this.literal = native.literalPrefix(this.id);
    this.log('debug', `SockJS v${version} bound to ${JSON.stringify(options.prefix)}`);
    for (const line of warnings(options)) {
      this.log('info', line);
      warnOnce(line);
    }
  }

  /**
   * @param {string} severity
   * @param {string} line
   */
  log(severity, line) {
    this.options.log?.(severity, line);
  }

  /**
   * Whether a request belongs to this service. This is called for every request of the http server, so the native side
   * is called only if a comparison of the prefix does not decide.
   *
   * @param {string} target
   * @returns {boolean}
   */
  claims(target) {
    const { literal } = this;
    if (literal !== null) {
      if (!target.startsWith(literal)) return false;
      if (target.length === literal.length) return true;
      if (target[literal.length] !== '/') return false;
      if (!LINE_TERMINATOR.test(target)) return true;
    }
    return this.engine.native.claims(this.id, target);
  }

  /**
   * @param {import('node:http').IncomingMessage} request which the service claims
   * @returns {boolean} whether it is for a websocket. Its handshake may still be refused.
   */
  hasWebsocket({ method, url }) {
    return this.engine.native.isWebsocket(this.id, method, url);
  }

  /** @returns {(req: any, res: any, head?: Buffer) => boolean} */
  getHandler() {
    return bridgeHandler(this);
  }
}

/**
 * @param {any} native
 * @param {number} registry
 * @param {number} roomsNumber
 * @param {Record<string, any>} options
 * @returns {number}
 */
function createService(native, registry, roomsNumber, options) {
  try {
    return native.createService(registry, roomsNumber, toNative(options, options.log !== null));
  } catch (error) {
    if (error.code !== 'InvalidArg') throw error;
    // `check` accepts each valid expression of JavaScript. The native side cannot match a few of them.
    const expected = `an expression that sockjs-rs can match (${error.message})`;
    throw invalidOption('prefix', expected, options.prefix);
  }
}

/** @param {Record<string, any>} [options] */
function createServer(options) {
  return new Server(options);
}

/**
 * @param {import('node:http').Server} [httpServer]
 * @param {Record<string, any>} [options]
 */
function listen(httpServer, options) {
  const server = createServer(options);
  if (httpServer) server.installHandlers(httpServer);
  return server;
}

module.exports = { createServer, listen, Server: FirstServer };
