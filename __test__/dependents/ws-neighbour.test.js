'use strict';

/**
 * @file The `ws` package and SockJS on one http server.
 */

const assert = require('node:assert');
const { once } = require('node:events');
const http = require('node:http');
const test = require('node:test');

const { Server: SocketIo } = require('socket.io');
const { WebSocket, WebSocketServer } = require('ws');

const { delay } = require('../support/wait');
const { converse, ingresses, echoService, listen, throughIngress } = require('./support');

/** Answers each text with a prefix, and echoes binary messages. */
function serveNeighbour(neighbour) {
  neighbour.on('connection', (ws) => {
    ws.on('message', (data, isBinary) => ws.send(isBinary ? data : `neighbour: ${data}`));
  });
  return neighbour;
}

/** `new WebSocketServer({ server, path })`: ws listens to 'upgrade' by itself. */
function installWithServer(server) {
  return serveNeighbour(
    new WebSocketServer({ server, path: '/neighbour', perMessageDeflate: true }),
  );
}

/** `noServer`: the application listens to 'upgrade' and ignores other paths. */
function installWithoutServer(server) {
  const neighbour = serveNeighbour(new WebSocketServer({ noServer: true }));
  server.on('upgrade', (request, socket, head) => {
    if (request.url !== '/neighbour') return;
    neighbour.handleUpgrade(request, socket, head, (ws) =>
      neighbour.emit('connection', ws, request),
    );
  });
  return neighbour;
}

/**
 * @param {import('node:test').TestContext} t
 * @param {(server: http.Server) => void} install
 */
async function start(t, install) {
  t.after(() => open.forEach((ws) => ws.terminate()));
  const server = http.createServer((request, response) => response.end('app'));
  install(server);
  return listen(server, { t });
}

const installEcho = (ingress) => (server) =>
  throughIngress(ingress, () => echoService().installHandlers(server));

/** Websockets that `connectWs` has opened. */
const open = new Set();

/**
 * @param {string} url
 * @param {object} [options]
 */
async function connectWs(url, options) {
  const ws = new WebSocket(url, options);
  open.add(ws);
  ws.on('close', () => open.delete(ws));
  await once(ws, 'open');
  return ws;
}

/** @param {WebSocket} ws */
async function ask(ws, message) {
  const answer = once(ws, 'message');
  ws.send(message);
  const [data, isBinary] = await answer;
  return isBinary ? data : data.toString();
}

/** Checks that ws and SockJS both work on the server, alternately and at the same time. */
async function checkBoth(client) {
  const ws = await connectWs(`ws://127.0.0.1:${client.address}/neighbour`);
  const sockjs = await client.websocket(`${client.session('/echo')}/websocket`);
  assert.strictEqual(await sockjs.message(), 'o');
  for (const text of ['one', 'two', 'x'.repeat(100_000)]) {
    const asked = ask(ws, text);
    sockjs.send(JSON.stringify([text]));
    assert.strictEqual(await sockjs.message(), `a["${text}"]`);
    assert.strictEqual(await asked, `neighbour: ${text}`);
  }
  assert.deepStrictEqual(await ask(ws, Buffer.from([0, 255])), Buffer.from([0, 255]));
  for (const transport of ['websocket', 'websocket-raw', 'xhr-polling', 'xhr-streaming']) {
    await converse[transport](client, '/echo');
  }
  const closed = once(ws, 'close');
  ws.close(4000, 'enough');
  const [code, reason] = await closed;
  assert.deepStrictEqual([code, reason.toString()], [4000, 'enough']);
  sockjs.send('["still here"]');
  assert.strictEqual(await sockjs.message(), 'a["still here"]');
  assert.strictEqual((await client.get('/app')).body, 'app');
}

for (const ingress of ingresses) {
  const echo = installEcho(ingress);

  test(`ws with { server, path } works when it is installed before SockJS, ${ingress}`, async (t) => {
    const client = await start(t, (server) => {
      installWithServer(server);
      echo(server);
    });
    await checkBoth(client);
  });

  test(`ws with { server, path } refuses upgrades for other paths, ${ingress}`, async (t) => {
    const client = await start(t, (server) => {
      installWithServer(server);
      echo(server);
    });
    const connection = await client.handshake('/elsewhere');
    assert.strictEqual((await connection.response()).status, 400);
    await connection.end();
  });

  test(`ws with noServer works when it is installed before SockJS, ${ingress}`, async (t) => {
    const client = await start(t, (server) => {
      installWithoutServer(server);
      echo(server);
    });
    await checkBoth(client);
  });

  test(`ws with noServer works when it is installed after SockJS, ${ingress}`, async (t) => {
    const client = await start(t, (server) => {
      echo(server);
      installWithoutServer(server);
    });
    await checkBoth(client);
  });

  test(`ws works when it is installed between two services, ${ingress}`, async (t) => {
    const client = await start(t, (server) => {
      throughIngress(ingress, () => echoService({ prefix: '/first' }).installHandlers(server));
      installWithoutServer(server);
      echo(server);
    });
    await checkBoth(client);
    await converse.websocket(client, '/first');
    await converse['xhr-streaming'](client, '/first');
  });

  // ws refuses all other paths, before SockJS has answered the handshake.
  test(`ws with { server, path } after SockJS refuses only SockJS's websockets, ${ingress}`, async (t) => {
    const closes = [];
    const client = await start(t, (server) => {
      const service = echoService();
      service.on('connection', (conn) => closes.push(once(conn, 'close')));
      throughIngress(ingress, () => service.installHandlers(server));
      installWithServer(server);
    });
    const connection = await client.handshake(`${client.session('/echo')}/websocket`);
    assert.strictEqual((await connection.response()).status, 400);
    await connection.end();
    await Promise.all(closes);
    await converse['xhr-polling'](client, '/echo');
    await converse['xhr-streaming'](client, '/echo');
    const ws = await connectWs(`ws://127.0.0.1:${client.address}/neighbour`);
    assert.strictEqual(await ask(ws, 'one'), 'neighbour: one');
  });

  test(`an 'upgrade' listener added after SockJS can end SockJS's websockets, ${ingress}`, async (t) => {
    const client = await start(t, (server) => {
      echo(server);
      server.on('upgrade', (request, socket) => socket.destroy());
    });
    const connection = await client.handshake(`${client.session('/echo')}/websocket`);
    assert.strictEqual(await connection.end(), '');
    await converse['xhr-streaming'](client, '/echo');
  });

  // socket.io ends upgraded connections on which nothing has been written within `destroyUpgradeTimeout`.
  test(`socket.io after SockJS does not end SockJS's websockets, ${ingress}`, async (t) => {
    const client = await start(t, (server) => {
      echo(server);
      const io = new SocketIo(server, { destroyUpgradeTimeout: 20 });
      t.after(() => io.engine.close());
    });
    const ws = await client.websocket(`${client.session('/echo')}/websocket`);
    assert.strictEqual(await ws.message(), 'o');
    await delay(60);
    ws.send('["still here"]');
    assert.strictEqual(await ws.message(), 'a["still here"]');
  });

  test(`a ws client works with SockJS, with and without an offer of compression, ${ingress}`, async (t) => {
    const client = await start(t, echo);
    for (const perMessageDeflate of [true, false]) {
      const url = `ws://127.0.0.1:${client.address}/echo/websocket`;
      const ws = await connectWs(url, { perMessageDeflate });
      assert.strictEqual(await ask(ws, 'raw'), 'raw');
      const closed = once(ws, 'close');
      ws.close(1000);
      assert.strictEqual((await closed)[0], 1000);
    }
  });

  test(`ws and SockJS each close only their own websockets, ${ingress}`, async (t) => {
    let neighbour;
    const conns = [];
    const client = await start(t, (server) => {
      neighbour = installWithServer(server);
      const service = echoService();
      service.on('connection', (conn) => conns.push(conn));
      throughIngress(ingress, () => service.installHandlers(server));
    });
    const ws = await connectWs(`ws://127.0.0.1:${client.address}/neighbour`);
    const sockjs = await client.websocket(`${client.session('/echo')}/websocket`);
    assert.strictEqual(await sockjs.message(), 'o');
    sockjs.send('["open"]');
    assert.strictEqual(await sockjs.message(), 'a["open"]');
    neighbour.close();
    sockjs.send('["not mine"]');
    assert.strictEqual(await sockjs.message(), 'a["not mine"]');
    const closed = once(ws, 'close');
    for (const other of neighbour.clients) other.close(1001);
    for (const conn of conns) conn.close();
    assert.strictEqual(await sockjs.message(), 'c[1000,"Normal closure"]');
    assert.strictEqual((await closed)[0], 1001);
  });
}
