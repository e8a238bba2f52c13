'use strict';

/*
 * Exceptions in listeners of every event, on every transport (docs/compatibility.md, "Exceptions in listeners").
 * Those of 'data' are in data-listeners-that-throw.test.js.
 */

const { serveFixture } = require('./support/child');
const { addition, deviation, ingresses } = require('./support/library');
const { every, open } = require('./support/transports');
const { encodeFrame } = require('./support/websocket-client');

/** Connections of each transport at the same time. */
const FEW = 3;

/**
 * @param {import('./support/child').Child} child
 * @param {string} line the child has to print it `count` times, no more and no less
 * @param {number} count
 */
async function expectLines(child, line, count) {
  const lines = () => child.lines.filter((each) => each === line);
  while (lines().length < count && !child.status) await new Promise(setImmediate);
  expect(lines()).toHaveLength(count);
}

/**
 * @param {import('./support/client').Client} client
 * @param {import('./support/transports').Transport} transport
 * @param {number} count
 */
async function openMany(client, transport, count) {
  const clients = [];
  for (let i = 0; i < count; i++) {
    const opened = await open(client, transport);
    const { connection, session } = opened;
    if (transport.polls) connection.send(transport.method, session + transport.path);
    clients.push(opened);
  }
  return clients;
}

/**
 * Sends a message from the client and waits for its echo.
 *
 * @param {import('./support/client').Client} client
 * @param {import('./support/transports').Transport} transport
 * @param {Awaited<ReturnType<typeof open>>} opened
 */
async function expectEcho(client, transport, { session, wire }) {
  if (transport.protocol === 'websocket-raw') wire.write(encodeFrame({ payload: 'echo' }));
  else if (transport.upgraded) wire.write(encodeFrame({ payload: '["echo"]' }));
  else await client.post(`${session}/xhr_send`, '["echo"]');
  await wire.read(() => wire.buffer.includes('echo') || undefined, 'the echo');
}

/**
 * Checks that connections whose 'connection' listener throws are still served.
 *
 * @param {import('./support/child').Child} child
 * @param {import('./support/client').Client} client
 * @param {import('./support/transports').Transport} transport
 */
async function expectThrows(child, client, transport) {
  const clients = await openMany(client, transport, FEW);
  await Promise.all(clients.map((opened) => expectEcho(client, transport, opened)));
  await expectLines(child, `uncaught ${transport.protocol} at connection`, FEW);
}

describe.each(ingresses)('a listener that throws, by the %s ingress', (ingress) => {
  test("of 'connection' does not disturb its connection or others", async () => {
    const { child, client } = await serveFixture(ingress, 'throws-at.js', {
      THROW_AT: 'connection',
    });
    for (const [, transport] of every.filter(([protocol]) => protocol !== 'websocket-raw')) {
      await expectThrows(child, client, transport);
    }
    client.disconnect();
  });

  // 0.3.24 ignores the messages of such a client.
  deviation(5, "of 'connection' does not disturb a raw websocket", async () => {
    const { child, client } = await serveFixture(ingress, 'throws-at.js', {
      THROW_AT: 'connection',
    });
    await expectThrows(child, client, every.find(([protocol]) => protocol === 'websocket-raw')[1]);
    client.disconnect();
  });

  test.each(['end', 'close'])(
    "of '%s' does not keep other connections from ending",
    async (event) => {
      const { child, client } = await serveFixture(ingress, 'throws-at.js', { THROW_AT: event });
      for (const [protocol, transport] of every) {
        const [other, ...clients] = await openMany(client, transport, FEW + 1);
        for (const { socket } of clients) socket.destroy();
        await expectLines(child, `uncaught ${protocol} at ${event}`, FEW);
        await expectLines(child, `end ${protocol}`, FEW);
        await expectEcho(client, transport, other);
      }
      expect(child.lines.filter((line) => line.startsWith('close'))).toEqual([]);
      client.disconnect();
    },
  );

  test("of 'close' throws to the application that calls close() of a websocket", async () => {
    const { child, client } = await serveFixture(ingress, 'throws-at.js', { THROW_AT: 'close' });
    const ws = await client.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.send('["close"]');
    await child.line(/^thrown websocket at close$/);
    expect(await ws.message()).toBe('c[1000,"Normal closure"]');
    ws.abort();
    await client.get('/s/');
    expect(child.lines.filter((line) => line.startsWith('uncaught'))).toEqual([]);
    client.disconnect();
  });

  addition('does not disturb the request that is being read', async () => {
    const { child, client } = await serveFixture(ingress, 'throws-at.js', {
      THROW_AT: 'connection',
    });
    for (let count = 1; count <= FEW; count++) {
      const connection = client.connect();
      const target = `${client.session('/s')}/xhr`;
      // The listener throws while Node reads the unused body.
      const head = `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n`;
      connection.wire.write(`${head}half`);
      await expectLines(child, 'uncaught xhr-polling at connection', count);
      connection.wire.write('half');
      const response = await connection.response();
      expect(await response.rest()).toBe('o\n');
      expect((await connection.request('GET', '/s/')).status).toBe(200);
    }
  });
});
