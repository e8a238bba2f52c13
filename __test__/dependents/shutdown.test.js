'use strict';

/*
 * Packages that shut down an http server, with connected clients of each transport.
 */

const assert = require('node:assert');
const { once } = require('node:events');
const { describe, test } = require('node:test');
const destroyable = require('server-destroy');
const { createHttpTerminator } = require('http-terminator');
const stoppable = require('stoppable');
const { ingresses } = require('../support/library');
const { startServer } = require('../support/server');
const { every, receive } = require('../support/transports');

/** Installs each package on an http server. Returns the package's way to stop the server. */
const packages = {
  stoppable: (server) => {
    stoppable(server, 20);
    return () => new Promise((resolve) => server.stop(resolve));
  },
  'http-terminator': (server) => {
    const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: 20 });
    return () => terminator.terminate();
  },
  'server-destroy': (server) => {
    destroyable(server);
    return () => new Promise((resolve) => server.destroy(resolve));
  },
};

/** @type {import('node:http').RequestListener} */
const app = (req, res) => (req.url === '/slow' ? res.write('begun') : res.end('app'));

/**
 * @param {import('node:test').TestContext} t
 * @param {string} ingress
 * @param {(server: import('node:http').Server) => () => Promise<unknown>} prepare one of `packages`
 * @param {boolean} first whether the package is installed before SockJS
 * @param {number} [disconnectDelay] milliseconds; by default longer than a test
 */
async function start(t, ingress, prepare, first, disconnectDelay = 60_000) {
  let stop;
  const install = (httpServer, library) => {
    if (first) stop = prepare(httpServer);
    const service = library.createServer({ prefix: '/s', disconnect_delay: disconnectDelay });
    service.on('connection', (conn) => server.register(conn));
    service.installHandlers(httpServer);
    if (!first) stop = prepare(httpServer);
  };
  const server = await startServer(ingress, { install, app, t });
  return { server, stop };
}

for (const ingress of ingresses) {
  for (const [name, prepare] of Object.entries(packages)) {
    for (const order of ['before', 'after']) {
      describe(`${name}, installed ${order} SockJS, ${ingress}`, () => {
        for (const [protocol, transport] of every) {
          test(`ends a client of ${protocol}`, async (t) => {
            const { server, stop } = await start(t, ingress, prepare, order === 'before');
            const { peer, wire } = await receive(server, transport);
            const closed = once(server.http, 'close');
            await Promise.all([stop(), closed, peer.until('close'), wire.end()]);
            assert.deepStrictEqual(peer.events, [['end'], ['close']]);
          });
        }

        test("ends a connection with the application's response", async (t) => {
          const { server, stop } = await start(t, ingress, prepare, order === 'before');
          const connection = server.connect();
          await connection.request('GET', '/s/info');
          connection.send('GET', '/slow');
          await (await connection.response()).until('begun');
          await Promise.all([stop(), connection.end()]);
        });

        test('ends clients of all transports, idle ones, and those of the application', async (t) => {
          const { server, stop } = await start(t, ingress, prepare, order === 'before');
          const clients = [];
          for (const [, transport] of every) clients.push(await receive(server, transport));
          const idle = server.connect();
          await idle.request('GET', '/s/info');
          const foreign = server.connect();
          await foreign.request('GET', '/');
          await foreign.request('GET', '/s/info');
          await foreign.request('GET', '/');
          const closed = once(server.http, 'close');
          const ends = [idle, foreign, ...clients.map(({ wire }) => wire)].map((each) =>
            each.end(),
          );
          await Promise.all([
            stop(),
            closed,
            ...ends,
            ...clients.map(({ peer }) => peer.until('close')),
          ]);
          for (const { peer } of clients) assert.deepStrictEqual(peer.events, [['end'], ['close']]);
        });
      });
    }
  }

  test(`stoppable without a time limit waits until all clients have left, ${ingress}`, async (t) => {
    const unlimited = (server) => {
      stoppable(server);
      return () => new Promise((resolve) => server.stop((_, gracefully) => resolve(gracefully)));
    };
    const { server, stop } = await start(t, ingress, unlimited, false, 50);
    const clients = [];
    for (const [, transport] of every) clients.push(await receive(server, transport));
    const stopped = stop();
    for (const { peer, socket, wire } of clients) {
      // stoppable ends upgraded connections at once, but waits for responses.
      if (peer.conn.protocol.startsWith('websocket')) await wire.end();
      else peer.conn.close();
      socket.end();
    }
    assert.strictEqual(await stopped, true);
  });
}
