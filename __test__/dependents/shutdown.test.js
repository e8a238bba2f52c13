'use strict';

/*
 * Packages that shut an http server down, with clients of every transport connected.
 */

const assert = require('node:assert');
const http = require('node:http');
const { once } = require('node:events');
const { describe, test } = require('node:test');
const destroyable = require('server-destroy');
const { createHttpTerminator } = require('http-terminator');
const sockjs = require('sockjs');
const stoppable = require('stoppable');
const { Condition } = require('../support/wait');
const { Client } = require('../support/client');
const { throughIngress } = require('../support/library');
const { every, receive } = require('../support/transports');

/** How each package is put on an http server, and what it does then to stop it. */
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

/** A server, as `receive` wants it: `accept` gives connections and what they have told. */
class Site extends Client {
  #peers = [];
  #changed = new Condition();

  /** @param {object} conn */
  register(conn) {
    const peer = { conn, events: [] };
    for (const name of ['data', 'end', 'close']) {
      conn.on(name, () => {
        peer.events.push(name);
        this.#changed.notify();
      });
    }
    peer.closed = () =>
      this.#changed.waitUntil(
        () => peer.events.includes('close') || undefined,
        () => `'close' of ${conn.protocol}`,
      );
    this.#peers.push(peer);
    this.#changed.notify();
  }

  accept() {
    return this.#changed.waitUntil(
      () => this.#peers.shift(),
      () => 'a connection',
    );
  }
}

/**
 * @param {string} ingress
 * @param {(server: http.Server) => () => Promise<void>} prepare
 * @param {boolean} first whether the package comes to the server before sockjs
 * @param {number} [disconnectDelay] milliseconds; by default it is not waited for
 */
async function start(ingress, prepare, first, disconnectDelay = 60_000) {
  const server = http.createServer((req, res) => {
    if (req.url === '/slow') res.write('begun');
    else res.end('app');
  });
  let stop = first ? prepare(server) : undefined;
  const service = sockjs.createServer({
    prefix: '/s',
    log: () => {},
    disconnect_delay: disconnectDelay,
  });
  throughIngress(ingress, () => service.installHandlers(server));
  stop ??= prepare(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const site = new Site(server.address().port);
  service.on('connection', (conn) => site.register(conn));
  return { server, site, stop };
}

for (const ingress of ['takeover', 'bridge']) {
  for (const [name, prepare] of Object.entries(packages)) {
    for (const order of ['before', 'after']) {
      describe(`${name}, ${order} sockjs, by the ${ingress} ingress`, () => {
        for (const [protocol, transport] of every) {
          test(`ends a client of ${protocol}`, async () => {
            const { server, site, stop } = await start(ingress, prepare, order === 'before');
            const { peer, wire } = await receive(site, transport);
            const closed = once(server, 'close');
            await Promise.all([stop(), closed, peer.closed(), wire.end()]);
            assert.deepStrictEqual(peer.events, ['end', 'close']);
          });
        }

        test("ends a connection that is the application's now", async () => {
          const { site, stop } = await start(ingress, prepare, order === 'before');
          const connection = site.connect();
          await connection.request('GET', '/s/info');
          connection.send('GET', '/slow');
          await (await connection.response()).until('begun');
          await Promise.all([stop(), connection.end()]);
        });

        test('ends clients of all transports, idle ones, and those of the application', async () => {
          const { server, site, stop } = await start(ingress, prepare, order === 'before');
          const clients = [];
          for (const [, transport] of every) clients.push(await receive(site, transport));
          const idle = site.connect();
          await idle.request('GET', '/s/info');
          const foreign = site.connect();
          await foreign.request('GET', '/');
          await foreign.request('GET', '/s/info');
          await foreign.request('GET', '/');
          const closed = once(server, 'close');
          const ends = [idle, foreign, ...clients.map(({ wire }) => wire)].map((each) =>
            each.end(),
          );
          await Promise.all([stop(), closed, ...ends, ...clients.map(({ peer }) => peer.closed())]);
          for (const { peer } of clients) assert.deepStrictEqual(peer.events, ['end', 'close']);
        });
      });
    }
  }

  test(`stoppable without a limit waits for clients to end, by the ${ingress} ingress`, async () => {
    const unlimited = (server) => {
      stoppable(server);
      return () => new Promise((resolve) => server.stop((_, gracefully) => resolve(gracefully)));
    };
    const { site, stop } = await start(ingress, unlimited, false, 50);
    const clients = [];
    for (const [, transport] of every) clients.push(await receive(site, transport));
    const stopped = stop();
    for (const { peer, socket, wire } of clients) {
      // An upgraded connection is ended at once; a response is not.
      if (peer.conn.protocol.startsWith('websocket')) await wire.end();
      else peer.conn.close();
      socket.end();
    }
    assert.strictEqual(await stopped, true);
  });
}
