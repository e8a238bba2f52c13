'use strict';

/*
 * Connections that have ended are garbage-collected (docs/compatibility.md, "The http server").
 */

const { serveFixture } = require('./support/child');
const { ingresses } = require('./support/library');
const { every, open } = require('./support/transports');
const { encodeFrame } = require('./support/websocket-client');

/** Connections of each transport: a single one could be kept or collected by chance. */
const FEW = 5;
/** Clients that connect and disconnect at the same time. */
const CONCURRENT = 20;
/** Connections of one round. */
const ROUND = 5000;
/** Bytes that one round may add: less than the smallest leak of each of its connections. */
const HEAP_TOLERANCE = 1 << 20;
const RSS_TOLERANCE = 16 << 20;
/** A leak grows in each round; the memory that an allocator keeps does not grow in all of them. */
const MOST_ROUNDS = 5;

/** Milliseconds after which an object counts as leaked. */
const TIMEOUT_MS = 5000;

/**
 * @param {import('./support/client').Client} client
 * @param {number} opened how many connections there have been, at least
 * @returns {Promise<Record<string, number>>} see fixtures/counts.js, when all of them are collected
 */
async function untilCollected(client, opened) {
  const start = performance.now();
  for (;;) {
    const counts = JSON.parse((await client.get('/counts')).body);
    const { collected, closures } = counts;
    if (counts.opened >= opened && collected === counts.opened && closures === collected) {
      return counts;
    }
    if (performance.now() - start > TIMEOUT_MS) {
      throw new Error(`not all of ${opened} are collected: ${JSON.stringify(counts)}`);
    }
  }
}

/** Asks the server to close the connection of a client. */
function requestClose({ session, wire }, { protocol }, client) {
  if (protocol === 'websocket') return wire.write(encodeFrame({ payload: '["close"]' }));
  if (protocol === 'websocket-raw') return wire.write(encodeFrame({ payload: 'close' }));
  return client.post(`${session}/xhr_send`, '["close"]');
}

describe.each(ingresses)('connections that have ended, by the %s ingress', (ingress) => {
  test('are collected after clients of every transport have disconnected', async () => {
    const { client } = await serveFixture(ingress, 'counts.js');
    let before = 0;
    for (const [, transport] of every) {
      for (let i = 0; i < FEW; i++) {
        const { connection, session } = await open(client, transport);
        if (transport.polls) connection.send(transport.method, session + transport.path);
        connection.abort();
      }
      const { opened, closed } = await untilCollected(client, before + FEW);
      expect(closed).toBe(opened);
      before = opened;
    }
    client.disconnect();
  });

  test('are collected after the server has closed them, for every transport', async () => {
    const { client } = await serveFixture(ingress, 'counts.js', { DISCONNECT_DELAY: '500' });
    for (const [, transport] of every) {
      for (let i = 0; i < FEW; i++) {
        const opened = await open(client, transport);
        await requestClose(opened, transport, client);
        if (transport.upgraded) opened.socket.end();
      }
    }
    const all = FEW * every.length;
    expect((await untilCollected(client, all)).closed).toBe(all);
    client.disconnect();
  });

  test('leave no memory and no descriptors after thousands of clients', async () => {
    // Otherwise V8's young generation grows at times that hide a leak.
    const env = { NODE_OPTIONS: '--max-semi-space-size=1' };
    const { client } = await serveFixture(ingress, 'counts.js', env);
    const visit = {
      async byWebsocket() {
        const ws = await client.websocket('/s/0/0/websocket');
        await ws.message();
        ws.send('["echo"]');
        await ws.message();
        ws.abort();
      },
      async byPolling() {
        const poll = await client.poll(`${client.session('/s')}/xhr`);
        poll.abort();
      },
    };
    /** @param {number} left how many clients are to connect */
    const connectMany = (left) => {
      const one = async () => {
        while (left-- > 0) await (left % 2 ? visit.byWebsocket() : visit.byPolling());
      };
      return Promise.all(Array.from({ length: CONCURRENT }, one));
    };
    await connectMany(ROUND);
    let before = await untilCollected(client, ROUND);
    let growth;
    for (let round = 2; round <= MOST_ROUNDS; round++) {
      await connectMany(ROUND);
      const after = await untilCollected(client, round * ROUND);
      expect(after.closed).toBe(after.opened);
      expect(after.descriptors).toBe(before.descriptors);
      growth = { heap: after.heapUsed - before.heapUsed, rss: after.rss - before.rss };
      if (growth.heap < HEAP_TOLERANCE && growth.rss < RSS_TOLERANCE) break;
      before = after;
    }
    expect(growth.heap).toBeLessThan(HEAP_TOLERANCE);
    expect(growth.rss).toBeLessThan(RSS_TOLERANCE);
    client.disconnect();
  }, 180_000);
});
