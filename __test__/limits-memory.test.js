'use strict';

/*
 * Many clients that send without end: the memory of the server stays bounded, and others are answered. The bound is
 * what one connection may hold, times the number of connections, plus a constant.
 */

const { serveFixture } = require('./support/child');
const { addition, ingresses } = require('./support/library');
const { OPCODE, encodeFrame } = require('./support/websocket-client');

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const CLIENTS = 1000;
/** `max_message_size` of the servers with many clients. */
const LIMIT = 16 * KIBIBYTE;
/** For one connection: a growing buffer doubles, and a frame and its message have one each. */
const HELD = 4 * LIMIT;
/** For one connection in addition: sockets and objects of Node, many of them garbage. */
const OBJECTS = 64 * KIBIBYTE;
/** For everything else. */
const REST = 48 * MEBIBYTE;
const LONG = 60_000;

const options = { max_message_size: LIMIT };
const memory = async (client) => JSON.parse((await client.get('/memory')).body);

/** Opens `count` connections, 50 at a time: the backlog of the listening socket is bounded. */
async function openMany(count, open) {
  const opened = [];
  while (opened.length < count) {
    opened.push(...(await Promise.all(Array.from({ length: Math.min(50, count) }, open))));
  }
  return opened;
}

/**
 * Writes the bytes several times, as fast as the server reads, until it ends the connection.
 *
 * @param {import('net').Socket} socket
 * @param {Buffer | string} bytes
 * @param {number} times
 */
async function writeTimes(socket, bytes, times) {
  socket.on('error', () => {});
  for (let i = 0; i < times && !socket.destroyed; i++) {
    await new Promise((resolve) => socket.write(bytes, resolve));
  }
}

describe.each(ingresses)('1,000 clients, by the %s ingress', (ingress) => {
  /** Starts a server. `before` is the memory that it uses without clients. */
  async function start(env = {}) {
    const { client } = await serveFixture(ingress, 'measures-memory.js', {
      BEHAVIOUR: 'counts',
      OPTIONS: JSON.stringify(options),
      ...env,
    });
    return { client, before: await memory(client) };
  }

  const framings = [
    ['a length', 'Content-Length: 1000000000\r\n\r\n', 'x'.repeat(64 * KIBIBYTE)],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n', `10000\r\n${'x'.repeat(64 * KIBIBYTE)}\r\n`],
  ];

  addition.each(framings)(
    'use bounded memory while each sends an endless body, framed by %s',
    async (_, framing, piece) => {
      const { client, before } = await start();
      const connections = await openMany(CLIENTS, async () => {
        const { wire } = client.connect();
        await writeTimes(wire.socket, `POST /s/0/0/xhr_send HTTP/1.1\r\nHost: x\r\n${framing}`, 1);
        return wire;
      });
      await Promise.all(connections.map(({ socket }) => writeTimes(socket, piece, 4)));
      const after = await memory(client);
      expect(after.peak - before.rss).toBeLessThan(CLIENTS * (HELD + OBJECTS) + REST);
      // None of them has been answered or ended.
      expect(connections.every(({ buffer, ended }) => buffer.length === 0 && !ended)).toBe(true);
      client.disconnect();
    },
    LONG,
  );

  addition(
    'use bounded memory while each has sent almost all of a body',
    async () => {
      const { client, before } = await start();
      await openMany(CLIENTS, async () => {
        const { wire } = client.connect();
        const head = `POST /s/0/0/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: ${LIMIT}\r\n\r\n`;
        await writeTimes(wire.socket, head, 1);
        await writeTimes(wire.socket, 'x'.repeat(LIMIT / 4 - 1), 4);
      });
      const after = await memory(client);
      expect(after.peak - before.rss).toBeLessThan(CLIENTS * (HELD + OBJECTS) + REST);
      client.disconnect();
    },
    LONG,
  );

  addition(
    'use bounded memory while each sends an endless fragmented message',
    async () => {
      const { client, before } = await start();
      const websockets = await openMany(CLIENTS, () => client.websocket('/s/websocket'));
      const continuation = { opcode: OPCODE.continuation, fin: false };
      const fill = Buffer.concat([
        encodeFrame({ payload: 'x'.repeat(LIMIT / 2), fin: false }),
        encodeFrame({ ...continuation, payload: 'x'.repeat(LIMIT / 2) }),
      ]);
      // The message has the greatest length; only empty fragments can follow.
      const empty = Buffer.concat(Array(2000).fill(encodeFrame(continuation)));
      await Promise.all(
        websockets.map(async ({ wire }) => {
          await writeTimes(wire.socket, fill, 1);
          await writeTimes(wire.socket, empty, 4);
        }),
      );
      const after = await memory(client);
      expect([after.opened, after.closed, after.messages]).toEqual([CLIENTS, 0, 0]);
      expect(after.peak - before.rss).toBeLessThan(CLIENTS * (HELD + OBJECTS) + REST);
      // One byte more is too much.
      for (const ws of websockets) ws.sendFrame({ ...continuation, payload: 'x' });
      for (const ws of websockets) {
        expect((await ws.closeFrame())[0]).toBe(1009);
        await ws.end();
      }
      while ((await memory(client)).closed < CLIENTS);
      client.disconnect();
    },
    LONG,
  );

  addition(
    'use bounded memory while each has sent almost all of a frame',
    async () => {
      const { client, before } = await start();
      const websockets = await openMany(CLIENTS, () => client.websocket('/s/websocket'));
      const whole = encodeFrame({ payload: 'x'.repeat(LIMIT) });
      await Promise.all(
        websockets.map(({ wire }) =>
          writeTimes(wire.socket, whole.subarray(0, whole.length - 1), 1),
        ),
      );
      const after = await memory(client);
      expect([after.closed, after.messages]).toEqual([0, 0]);
      expect(after.peak - before.rss).toBeLessThan(CLIENTS * (HELD + OBJECTS) + REST);
      for (const { wire } of websockets) wire.write(whole.subarray(-1));
      while ((await memory(client)).messages < CLIENTS);
      client.disconnect();
    },
    LONG,
  );

  addition(
    'use bounded memory while each sends an endless head',
    async () => {
      const { client, before } = await start();
      const connections = await openMany(CLIENTS, async () => {
        const { wire } = client.connect();
        await writeTimes(wire.socket, 'GET /s/info HTTP/1.1\r\nHost: localhost\r\n', 1);
        await writeTimes(wire.socket, `X: ${'x'.repeat(1000)}\r\n`, 64);
        return wire;
      });
      for (const wire of connections) {
        expect(await wire.end()).toMatch(/^(HTTP\/1\.1 431 |$)/);
      }
      const after = await memory(client);
      expect(after.peak - before.rss).toBeLessThan(CLIENTS * (16 * KIBIBYTE + OBJECTS) + REST);
      expect((await client.get('/s/')).status).toBe(200);
    },
    LONG,
  );
});

describe.each(ingresses)('one client, by the %s ingress', (ingress) => {
  const MAX = 2 * MEBIBYTE;

  addition.each([
    ['fragments of one byte', 'x'],
    ['empty fragments', ''],
  ])(
    'can send a message of a million %s without more memory or quadratic time',
    async (_, payload) => {
      const { client } = await serveFixture(ingress, 'measures-memory.js', {
        BEHAVIOUR: 'counts',
        OPTIONS: JSON.stringify({ max_message_size: MAX }),
      });
      const before = await memory(client);
      const ws = await client.websocket('/s/websocket');
      const fragment = encodeFrame({ opcode: OPCODE.continuation, payload, fin: false });
      const thousands = Buffer.concat(Array(10_000).fill(fragment));
      ws.wire.write(encodeFrame({ payload: 'x', fin: false }));
      await writeTimes(ws.wire.socket, thousands, 100);
      const during = await memory(client);
      expect(during.peak - before.rss).toBeLessThan(4 * MAX + REST);
      ws.sendFrame({ opcode: OPCODE.continuation, payload: 'x' });
      let after = await memory(client);
      while (after.messages === 0) after = await memory(client);
      expect(after.bytes).toBe(payload.length * 1_000_000 + 2);
      ws.abort();
    },
    LONG,
  );

  addition(
    'can send a body of a million one-byte chunks without more memory',
    async () => {
      const { client } = await serveFixture(ingress, 'measures-memory.js', {
        BEHAVIOUR: 'counts',
        OPTIONS: JSON.stringify({ max_message_size: MAX }),
      });
      const session = client.session('/s');
      const stream = client.connect();
      stream.send('POST', `${session}/xhr_streaming`);
      await stream.response();
      const before = await memory(client);
      const sender = client.connect();
      const { socket } = sender.wire;
      await writeTimes(
        socket,
        `POST ${session}/xhr_send HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n["\r\n`,
        1,
      );
      await writeTimes(socket, '1\r\nx\r\n'.repeat(10_000), 100);
      await writeTimes(socket, '2\r\n"]\r\n0\r\n\r\n', 1);
      expect((await sender.response()).status).toBe(204);
      let after = await memory(client);
      while (after.messages === 0) after = await memory(client);
      expect(after.bytes).toBe(1_000_000);
      // V8 collects the chunks when it likes; a list of them would be about 200 MiB.
      expect(after.peak - before.rss).toBeLessThan(4 * MAX + 2 * REST);
      client.disconnect();
    },
    LONG,
  );
});
