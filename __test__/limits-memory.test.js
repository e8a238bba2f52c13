'use strict';

/*
 * Crowds of clients that send without end: the memory of the server is bounded while they do, and others
 * are answered. The bounds are what one connection may hold, times the connections, and room for all the rest.
 */

const { serveFixture } = require('./support/child');
const { addition, ingresses } = require('./support/library');
const { OPCODE, encodeFrame } = require('./support/websocket-client');

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const CROWD = 1000;
/** `max_message_size` of the crowds. */
const LIMIT = 16 * KIBIBYTE;
/** Of one connection: buffers that grow double, one each for a frame and its message. */
const HELD = 4 * LIMIT;
/** Of one connection besides: sockets and objects of Node, of which many wait for their collection. */
const OBJECTS = 64 * KIBIBYTE;
const REST = 48 * MEBIBYTE;
const LONG = 60_000;

const options = { max_message_size: LIMIT };
const memory = async (client) => JSON.parse((await client.get('/memory')).body);

/** Opens so many, some at a time: the queue of the listening socket is bounded, too. */
async function all(count, open) {
  const opened = [];
  while (opened.length < count) {
    opened.push(...(await Promise.all(Array.from({ length: Math.min(50, count) }, open))));
  }
  return opened;
}

/**
 * Writes so many times, as fast as the server reads; less when it ends the connection.
 *
 * @param {import('net').Socket} socket
 * @param {Buffer | string} bytes
 * @param {number} times
 */
async function pour(socket, bytes, times) {
  socket.on('error', () => {});
  for (let i = 0; i < times && !socket.destroyed; i++) {
    await new Promise((resolve) => socket.write(bytes, resolve));
  }
}

describe.each(ingresses)('a crowd of clients, by the %s ingress', (ingress) => {
  /** Starts a server and what it has used before there was anybody. */
  async function start(env = {}) {
    const { client } = await serveFixture(ingress, 'loaded.js', {
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
    'each sending a body without end, with %s',
    async (_, framing, piece) => {
      const { client, before } = await start();
      const connections = await all(CROWD, async () => {
        const { wire } = client.connect();
        await pour(wire.socket, `POST /s/0/0/xhr_send HTTP/1.1\r\nHost: x\r\n${framing}`, 1);
        return wire;
      });
      await Promise.all(connections.map(({ socket }) => pour(socket, piece, 4)));
      const after = await memory(client);
      expect(after.peak - before.rss).toBeLessThan(CROWD * (HELD + OBJECTS) + REST);
      // None of them has been answered, and none is at an end.
      expect(connections.every(({ buffer, ended }) => buffer.length === 0 && !ended)).toBe(true);
      client.disconnect();
    },
    LONG,
  );

  addition(
    'each with a body just within the limit that never ends',
    async () => {
      const { client, before } = await start();
      await all(CROWD, async () => {
        const { wire } = client.connect();
        const head = `POST /s/0/0/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: ${LIMIT}\r\n\r\n`;
        await pour(wire.socket, head, 1);
        await pour(wire.socket, 'x'.repeat(LIMIT / 4 - 1), 4);
      });
      const after = await memory(client);
      expect(after.peak - before.rss).toBeLessThan(CROWD * (HELD + OBJECTS) + REST);
      client.disconnect();
    },
    LONG,
  );

  addition(
    'each with a fragmented message that never ends',
    async () => {
      const { client, before } = await start();
      const websockets = await all(CROWD, () => client.websocket('/s/websocket'));
      const continuation = { opcode: OPCODE.continuation, fin: false };
      const fill = Buffer.concat([
        encodeFrame({ payload: 'x'.repeat(LIMIT / 2), fin: false }),
        encodeFrame({ ...continuation, payload: 'x'.repeat(LIMIT / 2) }),
      ]);
      // The message is as long as it may be; only empty fragments can follow.
      const empty = Buffer.concat(Array(2000).fill(encodeFrame(continuation)));
      await Promise.all(
        websockets.map(async ({ wire }) => {
          await pour(wire.socket, fill, 1);
          await pour(wire.socket, empty, 4);
        }),
      );
      const after = await memory(client);
      expect([after.opened, after.closed, after.messages]).toEqual([CROWD, 0, 0]);
      expect(after.peak - before.rss).toBeLessThan(CROWD * (HELD + OBJECTS) + REST);
      // One byte more is too much.
      for (const ws of websockets) ws.sendFrame({ ...continuation, payload: 'x' });
      for (const ws of websockets) {
        expect((await ws.closeFrame())[0]).toBe(1009);
        await ws.end();
      }
      while ((await memory(client)).closed < CROWD);
      client.disconnect();
    },
    LONG,
  );

  addition(
    'each with a frame that never ends',
    async () => {
      const { client, before } = await start();
      const websockets = await all(CROWD, () => client.websocket('/s/websocket'));
      const whole = encodeFrame({ payload: 'x'.repeat(LIMIT) });
      await Promise.all(
        websockets.map(({ wire }) => pour(wire.socket, whole.subarray(0, whole.length - 1), 1)),
      );
      const after = await memory(client);
      expect([after.closed, after.messages]).toEqual([0, 0]);
      expect(after.peak - before.rss).toBeLessThan(CROWD * (HELD + OBJECTS) + REST);
      for (const { wire } of websockets) wire.write(whole.subarray(-1));
      while ((await memory(client)).messages < CROWD);
      client.disconnect();
    },
    LONG,
  );

  addition(
    'each with a head that never ends',
    async () => {
      const { client, before } = await start();
      const connections = await all(CROWD, async () => {
        const { wire } = client.connect();
        await pour(wire.socket, 'GET /s/info HTTP/1.1\r\nHost: localhost\r\n', 1);
        await pour(wire.socket, `X: ${'x'.repeat(1000)}\r\n`, 64);
        return wire;
      });
      for (const wire of connections) {
        expect(await wire.end()).toMatch(/^(HTTP\/1\.1 431 |$)/);
      }
      const after = await memory(client);
      expect(after.peak - before.rss).toBeLessThan(CROWD * (16 * KIBIBYTE + OBJECTS) + REST);
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
    'a message of a million %s costs no more than any other, nor quadratic time',
    async (_, payload) => {
      const { client } = await serveFixture(ingress, 'loaded.js', {
        BEHAVIOUR: 'counts',
        OPTIONS: JSON.stringify({ max_message_size: MAX }),
      });
      const before = await memory(client);
      const ws = await client.websocket('/s/websocket');
      const fragment = encodeFrame({ opcode: OPCODE.continuation, payload, fin: false });
      const thousands = Buffer.concat(Array(10_000).fill(fragment));
      ws.wire.write(encodeFrame({ payload: 'x', fin: false }));
      await pour(ws.wire.socket, thousands, 100);
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
    'a body of a million chunks of one byte costs no more than any other',
    async () => {
      const { client } = await serveFixture(ingress, 'loaded.js', {
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
      await pour(
        socket,
        `POST ${session}/xhr_send HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n["\r\n`,
        1,
      );
      await pour(socket, '1\r\nx\r\n'.repeat(10_000), 100);
      await pour(socket, '2\r\n"]\r\n0\r\n\r\n', 1);
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
