'use strict';

const { once } = require('events');
const http = require('http');
const https = require('https');
const os = require('os');
const path = require('path');
const crypto = require('crypto');
const { Condition } = require('./wait');
const { Client } = require('./client');
const { sockjs, throughIngress } = require('./library');
const { PRE_SHARED } = require('./secure');
const { install: installTestServices } = require('../../examples/test_server');

/** The number of I/O threads, also for websockets, whatever the number of processors. */
const IO_THREADS = Number(process.env.TEST_IO_THREADS ?? 1);
if (IO_THREADS > 1) os.availableParallelism = () => IO_THREADS + 1;

/** The options of every service, unless a test sets others. */
const DEFAULTS = {
  log: () => {},
  disconnect_delay: 1500,
  ...(IO_THREADS > 1 && { io_threads: IO_THREADS }),
};

/** @type {Set<TestServer>} */
const running = new Set();

/** @type {Set<object>} connections whose 'close' has not come */
const open = new Set();

/** Notified when a connection has closed. */
const closed = new Condition();

/** A connection as the application sees it, with all its events in order. */
class Peer {
  #changed = new Condition();

  constructor(conn) {
    this.conn = conn;
    /** @type {Array<['data', unknown] | ['end'] | ['close']>} */
    this.events = [];
    for (const name of ['data', 'end', 'close']) {
      conn.on(name, (...args) => {
        this.events.push([name, ...args]);
        this.#changed.notify();
      });
    }
  }

  /** @returns {unknown[]} the messages so far */
  get messages() {
    return this.events.filter(([name]) => name === 'data').map(([, message]) => message);
  }

  /**
   * @param {string} name
   * @param {number} [count]
   */
  until(name, count = 1) {
    return this.#changed.waitUntil(
      () => this.events.filter((event) => event[0] === name).length >= count || undefined,
      () => `${count} × '${name}'; events: ${JSON.stringify(this.events)}`,
    );
  }
}

/** An http server with SockJS services on it, and the clients that talk to it. */
class TestServer extends Client {
  #peers = [];
  #accepted = new Condition();

  /**
   * @param {http.Server} httpServer one that listens
   * @param {boolean} [secure]
   */
  constructor(httpServer, secure) {
    super(addressOf(httpServer), secure);
    this.http = httpServer;
    /** The library's `Server`, where there is a single one. */
    this.service = undefined;
  }

  /** @param {object} conn */
  register(conn) {
    this.#peers.push(new Peer(conn));
    this.#accepted.notify();
  }

  /** @returns {Promise<Peer>} the next connection that the application has got */
  accept() {
    return this.#accepted.waitUntil(
      () => this.#peers.shift(),
      () => 'a connection',
    );
  }

  /** What the URLs of a server on a port begin with. */
  get origin() {
    return `${this.secure ? 'https' : 'http'}://127.0.0.1:${this.http.address().port}`;
  }

  /** Ends all clients and closes the http server. It closes only when no connection is left. */
  async stop() {
    running.delete(this);
    this.disconnect();
    if (this.http.listening) await new Promise((resolve) => this.http.close(resolve));
  }

  /** As `stop`, for tests with other clients too: the http server ends their connections. */
  async abort() {
    const stopped = this.stop();
    this.http.closeAllConnections();
    await stopped;
  }
}

/** Where a server listens unless it says otherwise. */
const LOCAL = { host: '127.0.0.1', port: 0 };

/**
 * @param {http.Server} httpServer one that listens
 * @returns {string | number | import('net').NetConnectOpts} where a client finds it
 */
function addressOf(httpServer) {
  const address = httpServer.address();
  if (typeof address === 'string') return address;
  const { address: host, port } = address;
  return host === '::1' ? { host, port } : port;
}

/**
 * Makes an http server listen.
 *
 * @param {http.Server} httpServer
 * @param {object} [options]
 * @param {import('node:net').ListenOptions} [options.where]
 * @param {boolean} [options.secure] the server speaks TLS
 * @param {import('node:test').TestContext} [options.t] the test whose end stops the server; under Jest
 *   it is the test that runs
 * @returns {Promise<TestServer>}
 */
async function listen(httpServer, { where = LOCAL, secure, t } = {}) {
  httpServer.listen(where);
  await once(httpServer, 'listening');
  const server = new TestServer(httpServer, secure);
  if (t) t.after(() => server.stop());
  else running.add(server);
  return server;
}

/**
 * Starts an http server.
 *
 * @param {string} ingress
 * @param {object} [options]
 * @param {(server: http.Server, library: typeof sockjs) => void} [options.install] puts services on
 *   the http server; by default those of the public protocol test suite
 * @param {http.RequestListener} [options.app] the application on the same server
 * @param {http.ServerOptions} [options.http]
 * @param {boolean} [options.secure] speaks TLS
 * @param {boolean} [options.unix] listens on a unix socket
 * @param {import('node:test').TestContext} [options.t] as for `listen`
 * @returns {Promise<TestServer>}
 */
async function startServer(
  ingress,
  { install = installTestServices, app, http: httpOptions = {}, secure, unix, t } = {},
) {
  const httpServer = secure
    ? https.createServer({ ...httpOptions, ...PRE_SHARED.server })
    : http.createServer(httpOptions);
  if (app) httpServer.on('request', app);
  throughIngress(ingress, () => install(httpServer, trackedLibrary));
  const where = unix && { path: path.join(os.tmpdir(), `sockjs-${crypto.randomUUID()}.sock`) };
  return listen(httpServer, { where: where || LOCAL, secure, t });
}

/**
 * Starts an http server with one service, whose connections `server.accept()` gives.
 *
 * @param {string} ingress
 * @param {object} options those of the service; its prefix is '/s' unless given
 * @param {(conn: object) => void} [listener]
 * @param {Parameters<typeof startServer>[1]} [rest]
 */
async function startService(ingress, options = {}, listener = () => {}, rest = {}) {
  let service;
  const install = (httpServer, library) => {
    service = library.createServer({ prefix: '/s', ...options });
    service.on('connection', (conn) => {
      server.register(conn);
      listener(conn);
    });
    service.installHandlers(httpServer);
  };
  const server = await startServer(ingress, { ...rest, install });
  server.service = service;
  return server;
}

/** As `startService`; every message is sent back. */
function startEcho(ingress, options) {
  return startService(ingress, options, (conn) =>
    conn.on('data', (message) => conn.write(message)),
  );
}

/** The library with the defaults of the tests; it records which connections are open. */
const trackedLibrary = { ...sockjs, createServer: createTrackedServer };

function createTrackedServer(options) {
  const service = sockjs.createServer({ ...DEFAULTS, ...options });
  service.on('connection', (conn) => {
    open.add(conn);
    conn.on('close', () => {
      open.delete(conn);
      closed.notify();
    });
  });
  return service;
}

// Tests of `node:test`, which may run side by side, end their servers by `t`.
globalThis.afterEach?.(() => Promise.all([...running].map((server) => server.stop())));

// Sessions outlive their server by `disconnect_delay`; all of them have to end.
globalThis.afterAll?.(() =>
  closed.waitUntil(
    () => [...open].every((conn) => conn.listenerCount('close') === 0) || undefined,
    () => `the end of ${open.size} sessions`,
  ),
);

module.exports = { LOCAL, Peer, listen, startEcho, startServer, startService };
