'use strict';

/*
 * close(), getConnections(), closeAllConnections() and closeIdleConnections() of an http server, with clients of every
 * transport (docs/compatibility.md, "The http server").
 */

const { once } = require('events');
const { promisify } = require('util');
const { delay } = require('./support/wait');
const { ingresses } = require('./support/library');
const { startService } = require('./support/server');
const { every, polls, receive, requests, streams, websockets } = require('./support/transports');

/** Node 18 leaves idle connections to the application. */
const dropsIdle = Number(process.versions.node.split('.')[0]) >= 19;

/** @param {import('./support/server').TestServer} server */
const countConnections = ({ http }) => promisify(http.getConnections.bind(http))();

/**
 * Waits until the server has `count` connections: 'close' of a session may come before that of its socket.
 *
 * @param {import('./support/server').TestServer} server
 * @param {number} count
 */
async function untilConnections(server, count) {
  while ((await countConnections(server)) !== count) await new Promise(setImmediate);
}

/**
 * @param {import('./support/server').TestServer} server
 * @returns whether the http server has closed, and a promise of it
 */
function watchClose(server) {
  const end = { over: false };
  end.promise = once(server.http, 'close').then(() => (end.over = true));
  return end;
}

/**
 * Opens one client of each transport.
 *
 * @param {import('./support/server').TestServer} server
 * @param {typeof every} [some]
 */
async function receiveAll(server, some = every) {
  const clients = [];
  for (const [, transport] of some) clients.push(await receive(server, transport));
  return clients;
}

/** @param {Awaited<ReturnType<typeof receive>>} client */
async function expectServed({ peer, wire }) {
  peer.conn.write('still served');
  await wire.read(() => wire.buffer.includes('still served') || undefined, 'the message');
}

describe.each(ingresses)('an http server, by the %s ingress', (ingress) => {
  test.each(every)('close() waits for a client of %s and serves it', async (_, transport) => {
    const server = await startService(ingress, { disconnect_delay: 100 });
    const client = await receive(server, transport);
    const end = watchClose(server);
    server.http.close();
    await delay(20);
    expect(end.over).toBe(false);
    expect(client.peer.conn.readyState).toBe(1);
    await expectServed(client);
    client.socket.destroy();
    await end.promise;
    await client.peer.until('close');
    expect(client.peer.events).toEqual([['end'], ['close']]);
  });

  test.each(every)('close() completes when a client of %s has left', async (_, transport) => {
    const server = await startService(ingress, { disconnect_delay: 60_000 });
    const { peer, socket } = await receive(server, transport);
    const end = watchClose(server);
    server.http.close();
    socket.destroy();
    await Promise.all([end.promise, peer.until('close')]);
    expect(peer.events).toEqual([['end'], ['close']]);
  });

  test.each(every)('close() completes when the server closes %s', async (_, transport) => {
    const server = await startService(ingress, { disconnect_delay: 20 });
    const { peer, socket, wire } = await receive(server, transport);
    const end = watchClose(server);
    server.http.close();
    peer.conn.close();
    const over = transport.upgraded ? 'Normal closure' : '\r\n0\r\n\r\n';
    await wire.read(() => wire.buffer.includes(over) || undefined, 'the end');
    // After a response the connection is idle; after a close frame the client has to end it.
    socket.end();
    await Promise.all([end.promise, peer.until('close')]);
    expect(peer.events).toEqual([['end'], ['close']]);
  });

  test.each(polls)(
    'close() does not wait for a session of %s between two polls',
    async (_, polling) => {
      const server = await startService(ingress, { disconnect_delay: 500 });
      const { connection, peer } = await receive(server, polling);
      peer.conn.write('answer');
      await connection.response().then((response) => response.rest());
      expect(await countConnections(server)).toBe(1);
      const end = watchClose(server);
      server.http.close();
      if (!dropsIdle) server.http.closeIdleConnections();
      await Promise.all([connection.end(), end.promise]);
      expect(peer.conn.readyState).toBe(1);
      await peer.until('close');
    },
  );

  test('getConnections() counts a client of each transport once, until it has left', async () => {
    const server = await startService(ingress);
    const clients = [];
    for (const [, transport] of every) {
      clients.push(await receive(server, transport));
      expect(await countConnections(server)).toBe(clients.length);
    }
    while (clients.length > 0) {
      const { peer, socket } = clients.pop();
      socket.destroy();
      await peer.until('close');
      await untilConnections(server, clients.length);
    }
  });

  test("a connection returned to Node is the one of its 'connection' event", async () => {
    const app = (req, res) => res.write('begun');
    const server = await startService(ingress, {}, undefined, { app });
    const sockets = new Map();
    server.http.on('connection', (socket) => {
      const { remotePort } = socket;
      sockets.set(remotePort, socket);
      socket.on('close', () => sockets.delete(remotePort));
    });
    const connection = server.connect();
    for (let i = 0; i < 3; i++) await connection.request('GET', '/s/info');
    connection.send('GET', '/');
    await (await connection.response()).until('begun');
    expect(await countConnections(server)).toBe(1);
    expect([...sockets.keys()]).toEqual([connection.wire.socket.localPort]);
    for (const socket of sockets.values()) socket.destroy();
    await connection.end();
    await untilConnections(server, 0);
  });

  test('closeAllConnections() ends every client that has not been upgraded', async () => {
    const server = await startService(ingress, { disconnect_delay: 60_000 });
    const clients = await receiveAll(server, requests);
    const others = await receiveAll(server, websockets);
    server.http.closeAllConnections();
    for (const { peer, wire } of clients) {
      await Promise.all([peer.until('close'), wire.end()]);
      expect(peer.events).toEqual([['end'], ['close']]);
    }
    for (const client of others) await expectServed(client);
    expect(await countConnections(server)).toBe(others.length);
  });

  test('close() completes after closeAllConnections()', async () => {
    const server = await startService(ingress, { disconnect_delay: 60_000 });
    const clients = await receiveAll(server, requests);
    const end = watchClose(server);
    server.http.close();
    server.http.closeAllConnections();
    await Promise.all([end.promise, ...clients.map(({ peer }) => peer.until('close'))]);
  });

  test('closeIdleConnections() ends no client of any transport', async () => {
    const server = await startService(ingress);
    const clients = await receiveAll(server);
    const idle = server.connect();
    await idle.request('GET', '/s/info');
    server.http.closeIdleConnections();
    await idle.end();
    for (const client of clients) await expectServed(client);
    expect(clients.map(({ peer }) => peer.events)).toEqual(clients.map(() => []));
  });

  test.each(streams)(
    'closeIdleConnections() ends the connection of a finished %s',
    async (_, stream) => {
      const server = await startService(ingress, { response_limit: 100, disconnect_delay: 100 });
      const { connection, peer, wire } = await receive(server, stream);
      peer.conn.write('x'.repeat(200));
      await wire.read(() => wire.buffer.includes('\r\n0\r\n\r\n') || undefined, 'the end');
      server.http.closeIdleConnections();
      await connection.end();
      await peer.until('close');
    },
  );
});
