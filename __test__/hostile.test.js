'use strict';

/*
 * Requests and values that end a process with 0.3.24, and listeners that throw (docs/compatibility.md,
 * "Deviation 3 in detail" and "Exceptions in listeners").
 */

const { once } = require('events');
const { promisify } = require('util');
const { ingresses, survival } = require('./support/library');
const { Log } = require('./support/log');
const { startEcho, startService } = require('./support/server');
const { OPCODE, encodeFrame } = require('./support/websocket-client');

const CLOSE = { opcode: OPCODE.close, payload: Buffer.from([0x0b, 0xb8]) };
const upgrade = (target, method = 'GET') =>
  `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const post = (target) => `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`;

/**
 * Waits until the http server has no connection left.
 *
 * @param {import('./support/server').TestServer} server
 */
async function untilNoConnections({ http }) {
  const count = promisify(http.getConnections.bind(http));
  while ((await count()) > 0) await new Promise(setImmediate);
}

/**
 * Waits until the server has ended its side. The client keeps its own side open; an answer has to be 400.
 *
 * @param {import('net').Socket} socket of the client
 */
async function untilRefused(socket) {
  socket.allowHalfOpen = true;
  let answer = '';
  socket.on('data', (bytes) => (answer += bytes.latin1Slice()));
  await Promise.race([once(socket, 'end'), once(socket, 'close')]);
  if (answer) expect(answer).toMatch(/^HTTP\/1\.1 400 /);
}

describe.each(ingresses)('hostile clients, by the %s ingress', (ingress) => {
  survival(3, 'a request and the upgrade pipelined behind it are both answered', async () => {
    const server = await startEcho(ingress);
    for (const transport of ['xhr', 'xhr_streaming']) {
      const { socket } = server.connect().wire;
      let received = '';
      const both = new Promise((resolve) => {
        socket.on('data', (bytes) => {
          received += bytes.toString('latin1');
          if (/HTTP\/1\.1 200/.test(received) && /HTTP\/1\.1 101/.test(received)) resolve();
        });
      });
      socket.write(post(`${server.session('/s')}/${transport}`) + upgrade('/s/0/0/websocket'));
      await both;
      socket.destroy();
    }
    expect((await server.get('/s/')).status).toBe(200);
  });

  survival(
    3,
    'an upgrade for a plain route waits for the response before it, or ends with its client',
    async () => {
      const pending = [];
      const app = (req, res) => pending.push(res);
      const server = await startService(ingress, {}, undefined, { app });
      const target = `${server.session('/s')}/xhr_streaming`;
      const requests = `GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n${upgrade(target, 'POST')}`;

      const stays = server.connect();
      stays.wire.socket.write(requests);
      const goes = server.connect();
      goes.wire.socket.write(requests);
      await server.get('/s/');
      while (pending.length < 2) await server.get('/s/');
      goes.abort();
      for (const response of pending) response.end('slow');
      expect((await stays.response()).status).toBe(200);
      expect((await server.accept()).conn.protocol).toBe('xhr-streaming');
      stays.abort();
      expect((await server.get('/s/')).status).toBe(200);
    },
  );

  survival(3, 'an upgrade that no listener handles is a plain request', async () => {
    const seen = [];
    const app = (req, res) => {
      seen.push(req.url);
      res.end('the application');
    };
    const server = await startService(ingress, {}, undefined, { app });
    const connection = server.connect();
    connection.wire.socket.write(upgrade('/elsewhere'));
    const response = await connection.response();
    expect([response.status, await response.rest()]).toEqual([200, 'the application']);
    await connection.end();
    // Such a socket has no listener for 'error' either.
    for (const leave of ['resetAndDestroy', 'destroy', 'end']) {
      const { socket } = server.connect().wire;
      await once(socket, 'connect');
      socket.write(upgrade('/elsewhere'));
      socket[leave]();
    }
    await untilNoConnections(server);
    expect(seen).toContain('/elsewhere');
  });

  test('an upgrade that another listener handles is left to it', async () => {
    const server = await startService(ingress);
    server.http.on('upgrade', (req, socket) => {
      if (req.url === '/elsewhere') socket.end(`HTTP/1.1 101 ${req.headers.upgrade}\r\n\r\n`);
    });
    const connection = server.connect();
    connection.wire.socket.write(upgrade('/elsewhere'));
    expect(await connection.end()).toBe('HTTP/1.1 101 websocket\r\n\r\n');
  });

  survival(3, 'a refused handshake ends its connection, whatever follows it', async () => {
    const server = await startService(ingress);
    const refused = upgrade('/s/websocket').replace('Version: 13', 'Version: 1');
    const { socket } = server.connect().wire;
    socket.write(refused + 'x'.repeat(300_000));
    await untilRefused(socket);
    // The connection ends although the client keeps its own side open.
    await untilNoConnections(server);
  });

  survival(3, 'an echo survives values that cannot be converted to a string', async () => {
    const log = new Log();
    const server = await startEcho(ingress, { log: log.log });
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    for (const value of ['{"toString":1,"valueOf":1}', '{"toString":null}', deep, '[{"join":1}]']) {
      ws.send(`[${value},"and on"]`);
    }
    for (let i = 0; i < 3; i++) expect(await ws.message()).toBe('a["and on"]');
    expect(await ws.message()).toBe('a["[object Object]"]');
    expect(await ws.message()).toBe('a["and on"]');
    expect(log.errors).toHaveLength(3);
    // A value that only the application can have made is an exception for the application.
    const { conn } = await server.accept();
    expect(() => conn.write(Symbol('mine'))).toThrow(TypeError);
    const own = {
      toString: () => {
        throw new Error('mine');
      },
    };
    expect(() => conn.write(Object.assign(Object.create({}), own))).toThrow('mine');
    expect(() => conn.write(own)).toThrow('mine');
  });

  survival(3, 'many pipelined streams cause no warning about too many listeners', async () => {
    const server = await startService(ingress, { disconnect_delay: 50 });
    const connection = server.connect();
    const [socket] = await once(server.http, 'connection');
    const one = () => `GET ${server.session('/s')}/eventsource HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    connection.wire.socket.write(Array.from({ length: 20 }, one).join(''));
    expect((await connection.response()).status).toBe(200);
    for (let i = 0; i < 20; i++) await server.accept();
    expect(socket.listenerCount('end')).toBeLessThan(10);
    connection.abort();
    await untilNoConnections(server);
  });

  survival(3, 'the last segment of a request can be shorter than its first line', async () => {
    const server = await startEcho(ingress);
    const connection = server.connect();
    connection.wire.socket.write('GET /s/info HTTP/1.1\r\nHost: localhost\r\n');
    await server.get('/s/');
    connection.wire.socket.write('\r\n');
    expect((await connection.response()).status).toBe(200);
  });

  test('messages before a close frame in one segment are answered before it', async () => {
    const server = await startEcho(ingress);
    for (const target of ['/s/0/0/websocket', '/s/websocket']) {
      const ws = await server.websocket(target);
      if (target !== '/s/websocket') expect(await ws.message()).toBe('o');
      const message = encodeFrame({ payload: '["a"]' });
      ws.wire.write(Buffer.concat([message, encodeFrame(CLOSE)]));
      expect(await ws.message()).toMatch(/\["a"\]/);
      expect(await ws.closeFrame()).toEqual([3000, '']);
    }
  });

  test('a close frame right after a broken message ends the connection', async () => {
    const server = await startEcho(ingress);
    for (let i = 0; i < 10; i++) {
      const ws = await server.websocket('/s/0/0/websocket');
      ws.wire.write(Buffer.concat([encodeFrame({ payload: '[' }), encodeFrame(CLOSE)]));
      await ws.end();
    }
  });

  survival(4, 'a body far above max_message_size gets 413', async () => {
    const server = await startEcho(ingress, { max_message_size: 1024 });
    const body = Buffer.alloc(8 << 20, 'a');
    for (let i = 0; i < 5; i++) {
      expect((await server.post('/s/0/0/xhr_send', body)).status).toBe(413);
    }
  });

  survival(4, 'a closed connection writes to no other connection', async () => {
    const listener = (conn) => conn.once('data', () => conn.pause());
    const server = await startService(ingress, {}, listener);
    const session = server.session('/s');
    const receiver = server.connect();
    receiver.send('POST', `${session}/xhr_streaming`);
    const peer = await server.accept();
    await server.post(`${session}/xhr_send`, '["first","held"]');
    await peer.until('data');
    // The session ends while a message is held, and another connection gets its key.
    receiver.wire.socket.destroy();
    while ((await server.post(`${session}/xhr_send`, '["more"]')).status !== 404);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    const other = await server.accept();
    peer.conn.write('not for you');
    expect(peer.conn.bufferedAmount).toBe(0);
    other.conn.write('for you');
    expect(await ws.message()).toBe('a["for you"]');
    peer.conn.resume();
    await peer.until('close');
    expect(peer.messages.slice(0, 2)).toEqual(['first', 'held']);
    expect(other.conn.readyState).toBe(1);
  });

  survival(
    5,
    'a listener that throws while held messages are delivered loses none of them',
    async () => {
      const seen = [];
      const log = new Log();
      const listener = (conn) => {
        conn.pause();
        conn.on('data', (message) => {
          seen.push(message);
          if (message === '2') throw new Error('thrown by the listener');
        });
      };
      const server = await startService(ingress, { log: log.log }, listener);
      const session = server.session('/s');
      await server.post(`${session}/xhr`);
      const peer = await server.accept();
      // Over takeover a paused connection's senders wait for their answer.
      const sent = server.post(`${session}/xhr_send`, '["1","2","3"]');
      await server.get('/s/');
      peer.conn.resume();
      expect((await sent).status).toBe(204);
      await peer.until('data', 3);
      expect(seen).toEqual(['1', '2', '3']);
      await log.line('error', /thrown by the listener/);
    },
  );
});
