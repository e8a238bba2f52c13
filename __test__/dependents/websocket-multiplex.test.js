'use strict';

/** websocket-multiplex: channels that share a connection, and one service on two http servers. */

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const { describe, it } = require('node:test');
const vm = require('node:vm');
const sockjs = require('sockjs');
const { MultiplexServer } = require('websocket-multiplex');
const { ingresses } = require('../support/library');
const { connect, next, startServer } = require('./support-sockjs-client');

/** The package's script for pages. It also runs in Node. */
const CLIENT = require.resolve('websocket-multiplex/multiplex_client.js');
const WebSocketMultiplex = vm.runInThisContext(
  `${fs.readFileSync(CLIENT, 'utf8')}; WebSocketMultiplex`,
  { filename: CLIENT },
);

/** Milliseconds after which a test fails. */
const timeout = 45000;

/**
 * Runs a test with a service for channels on two http servers.
 *
 * @param {{ingress: string, transport: string}} setting
 * @param {(tools: {service: object, multiplexer: MultiplexServer, origins: string[], open:
 *   (server?: number) => Promise<{socket: object, multiplex: WebSocketMultiplex, conn: object}>}) =>
 *   Promise<void>} test
 */
async function withChannels({ ingress, transport }, test) {
  const service = sockjs.createServer({ disconnect_delay: 1000, log: () => {} });
  const multiplexer = new MultiplexServer(service);
  const install = (server) => service.installHandlers(server, { prefix: '/multiplex' });
  const servers = [await startServer(ingress, install), await startServer(ingress, install)];
  const origins = servers.map(({ origin }) => origin);
  const sockets = [];

  const open = async (server = 0) => {
    const connected = once(service, 'connection');
    const socket = await connect(`${origins[server]}/multiplex`, { transports: transport });
    sockets.push(socket);
    const [conn] = await connected;
    return { socket, conn, multiplex: new WebSocketMultiplex(socket) };
  };

  try {
    await test({ service, multiplexer, origins, open });
  } finally {
    for (const socket of sockets) socket.close();
    await Promise.all(servers.map(({ stop }) => stop()));
  }
}

/**
 * Joins a channel.
 *
 * @param {object} registered the channel on the server; emits 'connection' for each client that joins
 * @param {WebSocketMultiplex} multiplex
 * @param {string} name
 * @returns {Promise<{here: object, there: object}>} the channel's end at the client and at the server
 */
async function join(registered, multiplex, name) {
  const joined = once(registered, 'connection');
  const here = multiplex.channel(name);
  const [there] = await joined;
  return { here, there };
}

/**
 * @param {object} channel the client's end
 * @param {string} type
 * @returns {Promise<object>} its next event
 */
const event = (channel, type) => new Promise((resolve) => (channel[`on${type}`] = resolve));

/**
 * @param {string} url
 * @param {string} [body]
 * @returns {Promise<[number, string]>} status and body of the answer to a POST
 */
async function post(url, body) {
  const req = http.request(url, { method: 'POST', agent: false });
  req.end(body);
  const [res] = await once(req, 'response');
  res.setEncoding('utf8');
  let text = '';
  for await (const chunk of res) text += chunk;
  return [res.statusCode, text];
}

for (const ingress of ingresses) {
  for (const transport of ['websocket', 'xhr-streaming', 'xhr-polling']) {
    const setting = { ingress, transport };
    describe(
      `websocket-multiplex over ${transport}, ingress: ${ingress}`,
      { concurrency: 4 },
      () => {
        it('carries several channels over one connection', { timeout }, () =>
          withChannels(setting, async ({ service, multiplexer, open }) => {
            const names = ['ann', 'bob', 'Žofie, the third'];
            const registered = names.map((name) => multiplexer.registerChannel(name));
            service.on('connection', () => connections++);
            let connections = 0;
            const { multiplex } = await open();
            const channels = [];
            for (const [i, name] of names.entries()) {
              channels.push(await join(registered[i], multiplex, name));
            }
            for (const [i, { there }] of channels.entries()) {
              there.on('data', (message) => there.write(`${names[i]} got: ${message}`));
            }
            const received = channels.map(({ here }) => event(here, 'message'));
            for (const { here } of channels) here.send('a, b, „ü“ 🧦');
            assert.deepEqual(
              (await Promise.all(received)).map(({ data }) => data),
              names.map((name) => `${name} got: a, b, „ü“ 🧦`),
            );
            assert.equal(connections, 1);
          }),
        );

        it('either side can close a channel, and the other channels stay open', { timeout }, () =>
          withChannels(setting, async ({ multiplexer, open }) => {
            const registered = ['a', 'b', 'c'].map((name) => multiplexer.registerChannel(name));
            const { multiplex } = await open();
            const a = await join(registered[0], multiplex, 'a');
            const b = await join(registered[1], multiplex, 'b');
            const c = await join(registered[2], multiplex, 'c');

            const left = once(a.there, 'close');
            a.here.close();
            await left;

            const last = event(b.here, 'message');
            const closed = event(b.here, 'close');
            b.there.end('last words');
            assert.equal((await last).data, 'last words');
            await closed;

            const received = once(c.there, 'data');
            c.here.send('still here');
            assert.deepEqual(await received, ['still here']);
          }),
        );

        it('closes all channels of a client that disconnects', { timeout }, () =>
          withChannels(setting, async ({ multiplexer, open }) => {
            const registered = ['a', 'b'].map((name) => multiplexer.registerChannel(name));
            const { socket, multiplex } = await open();
            const a = await join(registered[0], multiplex, 'a');
            const b = await join(registered[1], multiplex, 'b');
            const left = [once(a.there, 'close'), once(b.there, 'close')];
            socket.close();
            await Promise.all(left);
          }),
        );

        it("the client's connection closes when the server destroys it", { timeout }, () =>
          withChannels(setting, async ({ multiplexer, open }) => {
            const registered = multiplexer.registerChannel('a');
            const { socket, conn, multiplex } = await open();
            await join(registered, multiplex, 'a');
            const closed = next(socket, 'close');
            conn.destroy();
            assert.equal((await closed).code, 1000);
          }),
        );

        it('serves one channel from two http servers', { timeout }, () =>
          withChannels(setting, async ({ multiplexer, open }) => {
            const registered = multiplexer.registerChannel('room');
            const room = [];
            registered.on('connection', (channel) => {
              room.push(channel);
              channel.on('data', (message) => room.forEach((each) => each.write(message)));
            });
            const [first, second] = [await open(0), await open(1)];
            const one = await join(registered, first.multiplex, 'room');
            const two = await join(registered, second.multiplex, 'room');
            const received = [event(one.here, 'message'), event(two.here, 'message')];
            one.here.send('hello, other server');
            for (const { data } of await Promise.all(received)) {
              assert.equal(data, 'hello, other server');
            }
          }),
        );
      },
    );
  }

  it(`two http servers share the sessions of a service, ingress: ${ingress}`, { timeout }, () =>
    withChannels({ ingress }, async ({ service, multiplexer, origins }) => {
      const registered = multiplexer.registerChannel('room');
      registered.on('connection', (channel) => {
        channel.on('data', (message) => channel.write(`got ${message}`));
      });
      const connected = once(service, 'connection');
      const [here, there] = origins.map((origin) => `${origin}/multiplex/000/shared`);
      assert.deepEqual(await post(`${here}/xhr`), [200, 'o\n']);
      const [conn] = await connected;
      const body = JSON.stringify(['sub,room', 'msg,room,you']);
      assert.deepEqual(await post(`${there}/xhr_send`, body), [204, '']);
      assert.deepEqual(await post(`${here}/xhr`), [200, 'a["msg,room,got you"]\n']);
      const gone = once(conn, 'close');
      conn.close();
      assert.deepEqual(await post(`${there}/xhr`), [200, 'c[1000,"Normal closure"]\n']);
      await gone;
    }),
  );
}
