'use strict';

/*
 * Backpressure: `high_water_mark`, `'drain'` and `bufferedAmount` for output, `pause()` and `resume()` for input,
 * `pipe` in both directions. 0.3.24 has none of it.
 */

const crypto = require('crypto');
const { once } = require('events');
const http = require('http');
const WebSocket = require('ws');
const { serveFixture } = require('./support/child');
const { addition, ingresses } = require('./support/library');
const { startService } = require('./support/server');
const { every, open, websockets } = require('./support/transports');
const { encodeFrame } = require('./support/websocket-client');

const MEBIBYTE = 1024 * 1024;
const turn = () => new Promise(setImmediate);

/** Milliseconds for tests that move many bytes. */
const LONG = 60_000;

/**
 * Lets a client read, and poll if its transport polls.
 *
 * @returns {() => void} stops the polling
 */
function keepReading({ connection, wire, session }, transport) {
  wire.socket.resume();
  if (!transport.polls) return () => {};
  const polling = { goesOn: true };
  (async () => {
    while (polling.goesOn) await connection.request(transport.method, session + transport.path);
  })().catch(() => {});
  return () => (polling.goesOn = false);
}

describe.each(ingresses)('output, by the %s ingress', (ingress) => {
  describe.each(every)('%s', (_, transport) => {
    addition("write() returns false above high_water_mark, and 'drain' follows once", async () => {
      const options = { high_water_mark: MEBIBYTE, response_limit: 0 };
      const server = await startService(ingress, options);
      const client = await open(server, transport);
      const { conn } = await server.accept();
      const drains = jest.fn();
      conn.on('drain', drains);
      client.socket.pause();
      const message = 'x'.repeat(256 * 1024);
      let written = 0;
      do {
        drains.mockClear();
        while (conn.write(message)) {
          expect(conn.bufferedAmount).toBeLessThanOrEqual(MEBIBYTE);
          written++;
          await turn();
        }
        expect(conn.bufferedAmount).toBeLessThan(MEBIBYTE + 2 * message.length);
        for (let i = 0; i < 5; i++) await server.get('/s/');
        // The kernels of both sides may have taken it all: then again.
      } while (drains.mock.calls.length > 0);
      expect(conn.bufferedAmount).toBeGreaterThan(0);
      if (transport.polls) expect(written).toBe(3);
      const stop = keepReading(client, transport);
      if (drains.mock.calls.length === 0) await once(conn, 'drain');
      await server.get('/s/');
      expect(drains).toHaveBeenCalledTimes(1);
      expect(conn.bufferedAmount).toBe(0);
      expect(conn.write('y')).toBe(true);
      stop();
    });

    addition("without high_water_mark write() returns true, and there is no 'drain'", async () => {
      const server = await startService(ingress, { response_limit: 0 });
      const client = await open(server, transport);
      const { conn } = await server.accept();
      const drains = jest.fn();
      conn.on('drain', drains);
      client.socket.pause();
      for (let i = 0; i < 40; i++) expect(conn.write('x'.repeat(256 * 1024))).toBe(true);
      expect(conn.bufferedAmount).toBeGreaterThan(0);
      const stop = keepReading(client, transport);
      while (conn.bufferedAmount > 0) await turn();
      await server.get('/s/');
      expect(drains).not.toHaveBeenCalled();
      stop();
    });

    addition(
      "with high_water_mark 0 'drain' follows each write() that returned false",
      async () => {
        const server = await startService(ingress, { high_water_mark: 0, response_limit: 0 });
        const client = await open(server, transport);
        const { conn } = await server.accept();
        const stop = keepReading(client, transport);
        for (let i = 0; i < 50; i++) {
          // True if another thread has already sent the message.
          if (!conn.write(`${i}`)) await once(conn, 'drain');
        }
        stop();
      },
    );

    addition("bufferedAmount is 0 after 'close'", async () => {
      const server = await startService(ingress, { response_limit: 0 });
      const client = await open(server, transport);
      const peer = await server.accept();
      client.socket.pause();
      for (let i = 0; i < 40; i++) peer.conn.write('x'.repeat(256 * 1024));
      expect(peer.conn.bufferedAmount).toBeGreaterThan(0);
      client.socket.destroy();
      await peer.until('close');
      expect(peer.conn.bufferedAmount).toBe(0);
    });
  });
});

describe.each(ingresses)('input, by the %s ingress', (ingress) => {
  describe.each(websockets)('%s', (protocol, transport) => {
    const frame = (text) =>
      encodeFrame({ payload: protocol === 'websocket' ? JSON.stringify([text]) : text });

    addition('pause() stops the client, and resume() delivers all messages in order', async () => {
      const server = await startService(ingress, {}, (conn) => conn.pause());
      const { wire } = await open(server, transport);
      const peer = await server.accept();
      const filler = 'x'.repeat(256 * 1024);
      const count = 128;
      for (let i = 0; i < count; i++) wire.write(frame(`${i} ${filler}`));
      const { socket } = wire;
      // The kernels of both sides take what they have room for, and then no more.
      let taken = -1;
      for (let same = 0; same < 10;) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        const now = socket.bytesWritten - socket.writableLength;
        same = now === taken ? same + 1 : 0;
        taken = now;
      }
      expect(socket.writableLength).toBeGreaterThan((count / 2) * filler.length);
      expect(peer.messages).toEqual([]);
      peer.conn.resume();
      await peer.until('data', count);
      expect(peer.messages.map((message) => message.split(' ')[0])).toEqual(
        Array.from({ length: count }, (_, i) => `${i}`),
      );
    });

    addition('a listener that pauses at each message gets them one by one, in order', async () => {
      const seen = [];
      let done;
      const all = new Promise((resolve) => (done = resolve));
      const count = 3000;
      const server = await startService(ingress, {}, (conn) => {
        conn.on('data', (message) => {
          expect(seen.at(-1)).not.toBe('paused');
          seen.push(message);
          conn.pause();
          if (seen.length === count) done();
          setImmediate(() => conn.resume());
        });
      });
      const { wire } = await open(server, transport);
      for (let i = 0; i < count; i++) wire.write(frame(`${i}`));
      await all;
      expect(seen).toEqual(Array.from({ length: count }, (_, i) => `${i}`));
    });
  });

  describe.each(['xhr_send', 'jsonp_send'])('%s', (path) => {
    const send = (server, session, text) =>
      path === 'xhr_send'
        ? server.open('POST', `${session}/xhr_send`, { body: JSON.stringify([text]) })
        : server.open('POST', `${session}/jsonp_send`, {
            body: `d=${encodeURIComponent(JSON.stringify([text]))}`,
            headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
          });
    const answered = path === 'xhr_send' ? 204 : 200;

    /** A session over HTTP that its application has paused. */
    async function startPaused() {
      const server = await startService(ingress, {}, (conn) => conn.pause());
      const session = server.session('/s');
      const stream = server.connect();
      stream.send('POST', `${session}/xhr_streaming`);
      return { server, session, stream, peer: await server.accept() };
    }

    addition('is answered when the connection is resumed, not before', async () => {
      const { server, session, peer } = await startPaused();
      const settled = jest.fn();
      const answer = send(server, session, 'a');
      answer.then(settled);
      for (let i = 0; i < 10; i++) await server.get('/s/');
      expect(settled).not.toHaveBeenCalled();
      expect(peer.messages).toEqual([]);
      peer.conn.resume();
      expect((await answer).status).toBe(answered);
      await peer.until('data');
      expect((await send(server, session, 'b')).status).toBe(answered);
      await peer.until('data', 2);
      expect(peer.messages).toEqual(['a', 'b']);
    });

    addition('16 requests can wait for one connection; another one gets 503', async () => {
      const { server, session, peer } = await startPaused();
      const answers = [];
      for (let i = 0; i < 16; i++) {
        answers.push(send(server, session, `${i}`));
        await server.get('/s/');
      }
      const refused = await send(server, session, 'one too many');
      expect([refused.status, await refused.rest()]).toEqual([503, 'Too many requests wait.\n']);
      peer.conn.resume();
      for (const answer of answers) expect((await answer).status).toBe(answered);
      await peer.until('data', 16);
      expect([...peer.messages].sort()).toEqual(
        Array.from({ length: 16 }, (_, i) => `${i}`).sort(),
      );
      peer.conn.pause();
      const next = send(server, session, 'has room again');
      await server.get('/s/');
      peer.conn.resume();
      expect((await next).status).toBe(answered);
    });

    addition('is answered when the application closes a paused connection', async () => {
      const { server, session, peer } = await startPaused();
      const answer = send(server, session, 'a');
      await server.get('/s/');
      peer.conn.close();
      expect((await answer).status).toBe(answered);
      await peer.until('close');
      expect(peer.messages).toEqual([]);
    });

    addition('gets 404 when the session of a paused connection ends', async () => {
      const { server, session, stream, peer } = await startPaused();
      const answer = send(server, session, 'a');
      await server.get('/s/');
      stream.abort();
      expect((await answer).status).toBe(404);
      await peer.until('close');
    });
  });
});

describe.each(ingresses)('pipe, by the %s ingress', (ingress) => {
  const memory = async (client) => JSON.parse((await client.get('/memory')).body);

  /** Bytes that the server may use in addition to what it uses without clients. */
  const MAX_GROWTH = 96 * MEBIBYTE;
  const TOTAL = 200 * MEBIBYTE;

  addition(
    '200 MiB from a fast client reach a slow stream, and memory stays bounded',
    async () => {
      const { client } = await serveFixture(ingress, 'measures-memory.js', {
        BEHAVIOUR: 'pipesIntoSlow',
      });
      const before = await memory(client);
      const ws = new WebSocket(`ws://127.0.0.1:${client.address}/s/websocket`, {
        perMessageDeflate: false,
      });
      await once(ws, 'open');
      const hash = crypto.createHash('sha256');
      const chunk = Buffer.alloc(256 * 1024);
      for (let sent = 0; sent < TOTAL; sent += chunk.length) {
        chunk.fill(`at ${sent}; `);
        hash.update(chunk);
        await new Promise((resolve) => ws.send(Buffer.from(chunk), resolve));
      }
      ws.close();
      let after = await memory(client);
      while (after.hash === '') after = await memory(client);
      expect([after.bytes, after.hash]).toEqual([TOTAL, hash.digest('hex')]);
      expect(after.peak - before.rss).toBeLessThan(MAX_GROWTH);
    },
    LONG,
  );

  addition(
    '200 MiB from a fast stream reach a slow client, and memory stays bounded',
    async () => {
      const { client } = await serveFixture(ingress, 'measures-memory.js', {
        BEHAVIOUR: 'pipesFromFast',
        TOTAL,
        OPTIONS: JSON.stringify({ high_water_mark: MEBIBYTE, binary: true }),
      });
      const before = await memory(client);
      const ws = new WebSocket(`ws://127.0.0.1:${client.address}/s/websocket`, {
        perMessageDeflate: false,
      });
      const hash = crypto.createHash('sha256');
      let bytes = 0;
      ws.on('message', (data) => {
        hash.update(data);
        bytes += data.length;
        if (bytes % (4 * MEBIBYTE) === 0) {
          ws.pause();
          setTimeout(() => ws.resume(), 20);
        }
      });
      await once(ws, 'close');
      const after = await memory(client);
      expect([bytes, hash.digest('hex')]).toEqual([TOTAL, after.hash]);
      expect(after.peak - before.rss).toBeLessThan(MAX_GROWTH);
    },
    LONG,
  );

  addition(
    '64 MiB from a fast stream reach a slow client of xhr-streaming, and memory stays bounded',
    async () => {
      const total = 64 * MEBIBYTE;
      const { client } = await serveFixture(ingress, 'measures-memory.js', {
        BEHAVIOUR: 'pipesFromFast',
        TOTAL: total,
        OPTIONS: JSON.stringify({ high_water_mark: MEBIBYTE, response_limit: 0 }),
      });
      const before = await memory(client);
      const request = http.request({
        port: client.address,
        host: '127.0.0.1',
        method: 'POST',
        path: '/s/0/0/xhr_streaming',
      });
      request.end();
      const [response] = await once(request, 'response');
      const hash = crypto.createHash('sha256');
      let bytes = 0;
      let rest = '';
      for await (const chunk of response.setEncoding('latin1')) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop();
        for (const line of lines.filter((text) => text.startsWith('a'))) {
          for (const message of JSON.parse(line.slice(1))) {
            hash.update(message);
            bytes += message.length;
          }
        }
        if (bytes % (4 * MEBIBYTE) < 64 * 1024) await new Promise((wake) => setTimeout(wake, 5));
        if (bytes === total) break;
      }
      const after = await memory(client);
      expect([bytes, hash.digest('hex')]).toEqual([total, after.hash]);
      expect(after.peak - before.rss).toBeLessThan(MAX_GROWTH);
    },
    LONG,
  );

  addition(
    '64 MiB sent with xhr_send are piped into a slow Writable, in bounded memory, and memory stays bounded',
    async () => {
      const { client } = await serveFixture(ingress, 'measures-memory.js', {
        BEHAVIOUR: 'pipesIntoSlow',
      });
      const before = await memory(client);
      const session = client.session('/s');
      const stream = client.connect();
      stream.send('POST', `${session}/xhr_streaming`);
      await stream.response();
      const hash = crypto.createHash('sha256');
      const sender = client.connect();
      const count = 256;
      for (let i = 0; i < count; i++) {
        const text = `at ${i}; `.padEnd(256 * 1024, 'x');
        hash.update(text);
        const { status } = await sender.request('POST', `${session}/xhr_send`, {
          body: JSON.stringify([text]),
        });
        expect(status).toBe(204);
      }
      stream.abort();
      let after = await memory(client);
      while (after.hash === '') after = await memory(client);
      expect([after.messages, after.hash]).toEqual([count, hash.digest('hex')]);
      expect(after.peak - before.rss).toBeLessThan(MAX_GROWTH);
    },
    LONG,
  );

  addition(
    'a client that sends more than a pausing listener takes has less than 64 MiB under way',
    async () => {
      const { client } = await serveFixture(ingress, 'measures-memory.js', {
        BEHAVIOUR: 'pausesAtEach',
      });
      const { wire } = await client.websocket('/s/websocket');
      const burst = Buffer.concat(Array(512).fill(encodeFrame({ payload: 'x'.repeat(8 * 1024) })));
      const total = 128 * MEBIBYTE;
      let sent = 0;
      const deadline = Date.now() + 3000;
      // What the listener has not taken by then has to be in the kernel, or unsent.
      while (sent < total && Date.now() < deadline) {
        if (!wire.socket.write(burst)) {
          await Promise.race([
            once(wire.socket, 'drain'),
            new Promise((wake) => setTimeout(wake, deadline - Date.now())),
          ]);
        }
        sent += burst.length;
      }
      const after = await memory(client);
      expect(after.messages).toBeGreaterThan(100);
      // Sent and not delivered: in the kernel, in the event queue, or held in JavaScript.
      const left = wire.socket.bytesWritten - wire.socket.writableLength;
      expect(left - after.bytes).toBeLessThan(64 * MEBIBYTE);
      wire.socket.destroy();
    },
    LONG,
  );

  addition(
    'memory depends on the size of a backlog, not on how many bytes have passed through it',
    async () => {
      const { client } = await serveFixture(ingress, 'measures-memory.js', {
        BEHAVIOUR: 'keepsBacklog',
        BACKLOG: 16 * MEBIBYTE,
        TOTAL: 160 * MEBIBYTE,
        OPTIONS: JSON.stringify({ response_limit: 0 }),
      });
      const before = await memory(client);
      const { wire } = client.connect();
      const { socket } = wire;
      let bytes = 0;
      socket.removeAllListeners('data');
      const total = 160 * MEBIBYTE;
      const all = new Promise((resolve) => {
        socket.on('data', (chunk) => {
          // Somewhat slower than the server.
          if ((bytes + chunk.length) % (2 * MEBIBYTE) < chunk.length) {
            socket.pause();
            setTimeout(() => socket.resume(), 5);
          }
          bytes += chunk.length;
          if (bytes >= total) resolve();
        });
      });
      wire.write('POST /s/0/0/xhr_streaming HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
      await all;
      const after = await memory(client);
      expect(after.peak - before.rss).toBeLessThan(MAX_GROWTH);
      socket.destroy();
    },
    LONG,
  );
});
