'use strict';

/*
 * Nothing is left of connections that have gone (contract section 6).
 */

const { serveFixture } = require('./support/child');
const { doors } = require('./support/library');
const { every, open } = require('./support/transports');
const { encodeFrame } = require('./support/websocket-client');

/** Of each transport, for one to be distinguished from chance. */
const FEW = 5;
/** Clients that come and go at the same time. */
const CROWD = 20;
/** What may have been added by another 5000 connections: less than the smallest leak of each. */
const HEAP_TOLERANCE = 1 << 20;
const RSS_TOLERANCE = 16 << 20;

/** Milliseconds, after which something is taken to be kept for good. */
const PATIENCE = 5000;

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
    if (performance.now() - start > PATIENCE) {
      throw new Error(`not all of ${opened} are collected: ${JSON.stringify(counts)}`);
    }
  }
}

/** What a client says to have its connection closed by the server. */
function sayGoodbye({ session, wire }, { protocol }, client) {
  if (protocol === 'websocket') return wire.write(encodeFrame({ payload: '["close"]' }));
  if (protocol === 'websocket-raw') return wire.write(encodeFrame({ payload: 'close' }));
  return client.post(`${session}/xhr_send`, '["close"]');
}

describe.each(doors)('what has gone, by the %s door', (door) => {
  test('clients of every transport that went are collected', async () => {
    const { client } = await serveFixture(door, 'counts.js');
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

  test('connections of every transport that the server closed are collected', async () => {
    const { client } = await serveFixture(door, 'counts.js', { DISCONNECT_DELAY: '500' });
    for (const [, transport] of every) {
      for (let i = 0; i < FEW; i++) {
        const opened = await open(client, transport);
        await sayGoodbye(opened, transport, client);
        if (transport.upgraded) opened.socket.end();
      }
    }
    const all = FEW * every.length;
    expect((await untilCollected(client, all)).closed).toBe(all);
    client.disconnect();
  });

  test('10,000 clients that come and go leave nothing', async () => {
    // V8's young generation grows as it likes.
    const env = { NODE_OPTIONS: '--max-semi-space-size=1' };
    const { client } = await serveFixture(door, 'counts.js', env);
    const come = {
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
    /** @param {number} left */
    const crowd = (left) => {
      const one = async () => {
        while (left-- > 0) await (left % 2 ? come.byWebsocket() : come.byPolling());
      };
      return Promise.all(Array.from({ length: CROWD }, one));
    };
    await crowd(5000);
    const half = await untilCollected(client, 5000);
    await crowd(5000);
    const all = await untilCollected(client, 10_000);
    expect(all.closed).toBe(all.opened);
    expect(all.descriptors).toBe(half.descriptors);
    expect(all.heapUsed - half.heapUsed).toBeLessThan(HEAP_TOLERANCE);
    expect(all.rss - half.rss).toBeLessThan(RSS_TOLERANCE);
    client.disconnect();
  }, 180_000);
});
