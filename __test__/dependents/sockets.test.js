'use strict';

/**
 * @file Servers on unix sockets, on IPv6, on IPv4 and IPv6, and several servers at once.
 */

const assert = require('node:assert');
const crypto = require('node:crypto');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');

const { Condition } = require('../support/wait');
const {
  LOCAL,
  converse,
  countConnections,
  ingresses,
  echoService,
  listen,
  throughIngress,
} = require('./support');

const TRANSPORTS = Object.keys(converse);

const hasIPv6 = Object.values(os.networkInterfaces())
  .flat()
  .some(({ address }) => address === '::1');

/** Options of the tests that need IPv6: skip them without it. */
const needsIPv6 = hasIPv6 ? {} : { skip: 'this machine has no ::1' };

/** A new path for a unix socket. */
const socketPath = () => path.join(os.tmpdir(), `sockjs-${crypto.randomUUID()}.sock`);

/**
 * An http server with an application and an echo service.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} ingress
 * @param {import('node:net').ListenOptions} where
 * @param {object} [service] an echo service; by default a new one
 */
async function start(t, ingress, where, service = echoService()) {
  const server = http.createServer((request, response) => response.end('app'));
  throughIngress(ingress, () => service.installHandlers(server));
  const changed = new Condition();
  const conns = [];
  service.on('connection', (conn) => {
    conns.push(conn);
    changed.notify();
  });
  const client = await listen(server, { t, where });
  /** The next connection that the application was given. */
  const accept = () =>
    changed.waitUntil(
      () => conns.shift(),
      () => 'a connection',
    );
  return { server, service, client, accept };
}

/** The properties of a connection with addresses. */
const addresses = ({ remoteAddress, remotePort, address }) => ({
  remoteAddress,
  remotePort,
  address,
});

/** Opens a session over one transport. Each function returns the client's socket. */
const openers = {
  async websocket(client) {
    const ws = await client.websocket(`${client.session('/echo')}/websocket`);
    return ws.wire.socket;
  },
  async 'websocket-raw'(client) {
    const ws = await client.websocket('/echo/websocket');
    return ws.wire.socket;
  },
  async 'xhr-streaming'(client) {
    const connection = client.connect();
    connection.send('POST', `${client.session('/echo')}/xhr_streaming`);
    await (await connection.response()).until('o\n');
    return connection.wire.socket;
  },
  async 'xhr-polling'(client) {
    const connection = await client.poll(`${client.session('/echo')}/xhr`);
    return connection.wire.socket;
  },
};

for (const ingress of ingresses) {
  test(`every transport works on a unix socket, ${ingress}`, async (t) => {
    const { client, server } = await start(t, ingress, { path: socketPath() });
    for (const transport of TRANSPORTS) await converse[transport](client, '/echo');
    const connection = client.connect();
    for (const [target, body] of [
      ['/echo/', 'Welcome to SockJS!\n'],
      ['/app', 'app'],
      ['/echo/', 'Welcome to SockJS!\n'],
    ]) {
      assert.strictEqual((await connection.request('GET', target)).body, body);
    }
    assert.ok((await countConnections(server)) >= 1);
  });

  test(`a client of a unix socket has no address, ${ingress}`, async (t) => {
    const { client, accept } = await start(t, ingress, { path: socketPath() });
    for (const open of Object.values(openers)) {
      await open(client);
      assert.deepStrictEqual(addresses(await accept()), {
        remoteAddress: undefined,
        remotePort: undefined,
        address: undefined,
      });
    }
  });

  test(`every transport works on ::1, ${ingress}`, needsIPv6, async (t) => {
    const { client } = await start(t, ingress, { host: '::1', port: 0 });
    for (const transport of TRANSPORTS) await converse[transport](client, '/echo');
    assert.strictEqual((await client.get('/app')).body, 'app');
  });

  test(`a client on ::1 has an IPv6 address, ${ingress}`, needsIPv6, async (t) => {
    const { client, accept, server } = await start(t, ingress, { host: '::1', port: 0 });
    for (const open of Object.values(openers)) {
      const socket = await open(client);
      assert.deepStrictEqual(addresses(await accept()), {
        remoteAddress: '::1',
        remotePort: socket.localPort,
        address: { address: '::1', family: 'IPv6', port: server.address().port },
      });
    }
  });

  test(`a server on :: also serves IPv4 clients, ${ingress}`, needsIPv6, async (t) => {
    const { client, accept, server } = await start(t, ingress, { host: '::', port: 0 });
    for (const open of Object.values(openers)) {
      const socket = await open(client);
      assert.deepStrictEqual(addresses(await accept()), {
        remoteAddress: '::ffff:127.0.0.1',
        remotePort: socket.localPort,
        address: { address: '::ffff:127.0.0.1', family: 'IPv6', port: server.address().port },
      });
    }
    for (const transport of TRANSPORTS) await converse[transport](client, '/echo');
  });

  test(`a client on 127.0.0.1 has an IPv4 address, ${ingress}`, async (t) => {
    const { client, accept, server } = await start(t, ingress, LOCAL);
    for (const open of Object.values(openers)) {
      const socket = await open(client);
      assert.deepStrictEqual(addresses(await accept()), {
        remoteAddress: '127.0.0.1',
        remotePort: socket.localPort,
        address: { address: '127.0.0.1', family: 'IPv4', port: server.address().port },
      });
    }
  });

  test(`a service on TCP and on a unix socket serves its sessions on both, ${ingress}`, async (t) => {
    const tcp = await start(t, ingress, LOCAL);
    const unix = await start(t, ingress, { path: socketPath() }, tcp.service);
    const session = tcp.client.session('/echo');
    assert.strictEqual((await tcp.client.post(`${session}/xhr`)).body, 'o\n');
    assert.strictEqual((await unix.client.post(`${session}/xhr_send`, '["a"]')).status, 204);
    assert.strictEqual((await tcp.client.post(`${session}/xhr`)).body, 'a["a"]\n');
    const poll = unix.client.connect();
    poll.send('POST', `${session}/xhr`);
    assert.strictEqual((await tcp.client.post(`${session}/xhr_send`, '["b"]')).status, 204);
    assert.strictEqual(await (await poll.response()).rest(), 'a["b"]\n');
  });

  test(`services on different http servers are independent, ${ingress}`, async (t) => {
    const servers = await Promise.all(Array.from({ length: 4 }, () => start(t, ingress, LOCAL)));
    const opened = [];
    for (const { client, accept } of servers) {
      const ws = await client.websocket(`${client.session('/echo')}/websocket`);
      assert.strictEqual(await ws.message(), 'o');
      opened.push({ ws, conn: await accept() });
    }
    for (const [i, { conn }] of opened.entries()) conn.write(`only ${i}`);
    for (const [i, { ws }] of opened.entries()) {
      assert.strictEqual(await ws.message(), `a["only ${i}"]`);
    }
    for (const { server } of servers) assert.strictEqual(await countConnections(server), 1);
  });

  test(`closing one http server of a service does not affect the other, ${ingress}`, async (t) => {
    const first = await start(t, ingress, LOCAL);
    const second = await start(t, ingress, LOCAL, first.service);
    const ws = await second.client.websocket(`${second.client.session('/echo')}/websocket`);
    assert.strictEqual(await ws.message(), 'o');
    await converse['xhr-streaming'](first.client, '/echo');
    first.client.disconnect();
    await new Promise((resolve) => first.server.close(resolve));
    ws.send('["a"]');
    assert.strictEqual(await ws.message(), 'a["a"]');
    for (const transport of TRANSPORTS) await converse[transport](second.client, '/echo');
  });
}
