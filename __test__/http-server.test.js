'use strict';

const { once } = require('events');
const { promisify } = require('util');
const { serveFixture } = require('./support/child');
const { ingresses } = require('./support/library');
const { startEcho, startService } = require('./support/server');

/** @param {import('http').Server} server */
const countConnections = (server) => promisify(server.getConnections.bind(server))();

describe.each(ingresses)('the http server, by the %s ingress', (ingress) => {
  test('close() waits for open websockets and streams', async () => {
    const server = await startEcho(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    const stream = await server.open('POST', `${server.session('/s')}/xhr_streaming`);
    await stream.until('o\n');
    const order = [];
    const closed = new Promise((resolve) => {
      server.http.close(() => {
        order.push('server');
        resolve();
      });
    });
    for (const peer of [await server.accept(), await server.accept()]) {
      peer.conn.on('close', () => order.push(peer.conn.protocol));
    }
    expect(await ws.message()).toBe('o');
    ws.send('["still open"]');
    expect(await ws.message()).toBe('a["still open"]');
    ws.abort();
    stream.abort();
    await closed;
    expect(order.sort()).toEqual(['server', 'websocket', 'xhr-streaming']);
  });

  test("close() lets an open stream finish, then emits 'close'", async () => {
    const server = await startService(ingress);
    const stream = await server.open('POST', `${server.session('/s')}/xhr_streaming`);
    await stream.until('o\n');
    const { conn } = await server.accept();
    const closed = once(server.http, 'close');
    server.http.close();
    conn.write('last');
    conn.close();
    expect(await stream.rest()).toBe('a["last"]\nc[1000,"Normal closure"]\n');
    stream.abort();
    await closed;
  });

  test.each([
    ['close()', (conn) => conn.close(), 'c[1000,"Normal closure"]\n'],
    ['write()', (conn) => conn.write('last'), 'a["last"]\n'],
  ])('close() drops a connection whose poll %s has just answered', async (_, end, answer) => {
    const server = await startService(ingress, {});
    server.http.keepAliveTimeout = 60_000;
    const session = server.session('/s');
    const connection = server.connect();
    expect((await connection.request('POST', `${session}/xhr`)).body).toBe('o\n');
    connection.send('POST', `${session}/xhr?waits`);
    const { conn } = await server.accept();
    while (!conn.url.endsWith('?waits')) await server.get('/s/');
    const closed = once(server.http, 'close');
    end(conn);
    server.http.close();
    if (Number(process.versions.node.split('.')[0]) < 19) server.http.closeIdleConnections();
    expect(await (await connection.response()).rest()).toBe(answer);
    await connection.end();
    await closed;
  });

  test('close() drops idle keep-alive connections', async () => {
    const server = await startEcho(ingress);
    const connection = server.connect();
    await connection.request('POST', `${server.session('/s')}/xhr`);
    const closed = once(server.http, 'close');
    server.http.close();
    // Node 18 leaves that to the application.
    if (Number(process.versions.node.split('.')[0]) < 19) server.http.closeIdleConnections();
    await connection.end();
    await closed;
  });

  test('getConnections() counts every open connection', async () => {
    const server = await startEcho(ingress);
    expect(await countConnections(server.http)).toBe(0);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await countConnections(server.http)).toBe(1);
    const stream = await server.open('POST', `${server.session('/s')}/xhr_streaming`);
    await stream.until('o\n');
    expect(await countConnections(server.http)).toBe(2);
    const idle = server.connect();
    await idle.request('GET', '/s/');
    expect(await countConnections(server.http)).toBe(3);
    const peers = [await server.accept(), await server.accept()];
    ws.abort();
    stream.abort();
    await Promise.all(peers.map((peer) => peer.until('close')));
    // 'close' of a session may come before that of its socket.
    while ((await countConnections(server.http)) > 1) await new Promise(setImmediate);
    expect(await countConnections(server.http)).toBe(1);
  });

  test('closeAllConnections() ends streams and polls, and does not end websockets', async () => {
    const server = await startEcho(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    await server.accept();
    const stream = await server.open('POST', `${server.session('/s')}/xhr_streaming`);
    await stream.until('o\n');
    const poll = await server.poll(`${server.session('/s')}/xhr`);
    const idle = server.connect();
    await idle.request('GET', '/s/');
    const peers = [await server.accept(), await server.accept()];
    server.http.closeAllConnections();
    await Promise.all([...peers.map((peer) => peer.until('close')), poll.end(), idle.end()]);
    expect(await stream.rest()).toBe('');
    expect(stream.truncated).toBe(true);
    ws.send('["alive"]');
    expect(await ws.message()).toBe('a["alive"]');
  });

  test('closeIdleConnections() ends idle connections, and does not end polls and streams', async () => {
    const server = await startEcho(ingress);
    const session = server.session('/s');
    const poll = await server.poll(`${session}/xhr`);
    const stream = await server.open('POST', `${server.session('/s')}/xhr_streaming`);
    await stream.until('o\n');
    const idle = server.connect();
    await idle.request('GET', '/s/');
    server.http.closeIdleConnections();
    await idle.end();
    expect((await server.post(`${session}/xhr_send`, '["a"]')).status).toBe(204);
    expect(await (await poll.response()).rest()).toBe('a["a"]\n');
  });

  test("destroying the sockets of its 'connection' event ends sessions", async () => {
    const server = await startEcho(ingress);
    const sockets = [];
    server.http.on('connection', (socket) => sockets.push(socket));
    await server.websocket('/s/0/0/websocket');
    await server.websocket('/s/websocket');
    const stream = await server.open('POST', `${server.session('/s')}/xhr_streaming`);
    await stream.until('o\n');
    const peers = [await server.accept(), await server.accept(), await server.accept()];
    for (const socket of sockets) socket.destroy();
    await Promise.all(peers.map((peer) => peer.until('close')));
    for (const peer of peers) expect(peer.events).toEqual([['end'], ['close']]);
  });

  test('an idle connection is ended after keepAliveTimeout', async () => {
    const server = await startEcho(ingress);
    server.http.keepAliveTimeout = 50;
    const connection = server.connect();
    const start = performance.now();
    await connection.request('GET', '/s/');
    await connection.end();
    expect(performance.now() - start).toBeLessThan(3500);
  });

  test('the process exits by itself when the server is closed and no session is left', async () => {
    const { child, client } = await serveFixture(ingress, 'exits.js');
    const ws = await client.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.send('["close"]');
    expect(await ws.message()).toBe('c[1000,"Normal closure"]');
    client.disconnect();
    expect(await child.exit()).toEqual({ code: 0, signal: null });
    expect(child.lines.slice(1).sort()).toEqual(['close', 'connection', 'server closed']);
    expect(child.errors).not.toMatch(/Error/);
  });

  test('the process stays alive while a session is open, even one without a connection', async () => {
    const { child, client } = await serveFixture(ingress, 'exits.js');
    const start = performance.now();
    expect((await client.post(`${client.session('/s')}/xhr`)).body).toBe('o\n');
    expect(await child.exit()).toEqual({ code: 0, signal: null });
    expect(performance.now() - start).toBeGreaterThanOrEqual(290);
    expect(child.lines.slice(1)).toContain('close');
  });

  test('process.exit() with open sessions ends the process cleanly', async () => {
    const { child, client } = await serveFixture(ingress, 'exits-now.js');
    const stream = await client.open('POST', `${client.session('/s')}/xhr_streaming`);
    await stream.until('a["hello"]\n');
    await client.poll(`${client.session('/s')}/xhr`);
    const ws = await client.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.send('["7"]');
    expect(await child.exit()).toEqual({ code: 7, signal: null });
    expect(child.errors).not.toMatch(/Error|panic/);
    client.disconnect();
  });
});
