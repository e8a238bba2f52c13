'use strict';

/*
 * `max_buffered`: what a server holds for clients that take nothing (docs/compatibility.md, "Limits").
 */

const { serveFixture } = require('./support/child');
const { addition, ingresses } = require('./support/library');
const { every, open, streams, websockets } = require('./support/transports');
const { OPCODE, encodeFrame } = require('./support/websocket-client');

const MEBIBYTE = 1024 * 1024;
/** What V8 and the allocator take besides, and give back when they like. */
const REST = 64 * MEBIBYTE;

/**
 * Opens clients that read nothing.
 *
 * @param {import('./support/client').Client} client
 * @param {import('./support/transports').Transport} transport
 * @param {number} count
 */
async function openBlind(client, transport, count) {
  for (let i = 0; i < count; i++) {
    const opened = await open(client, transport);
    opened.socket.pause();
    if (transport.polls) opened.connection.send(transport.method, opened.session + transport.path);
  }
}

describe.each(ingresses)(
  'the memory of a server with slow clients, by the %s ingress',
  (ingress) => {
    const memory = async (client) => JSON.parse((await client.get('/memory')).body);

    /** Waits until so many clients have been too slow. */
    async function untilTooSlow(client, count) {
      let now = await memory(client);
      while (now.errors < count) now = await memory(client);
      return now;
    }

    addition.each(every)(
      '%s: holds three times max_buffered for each at most, whatever is written',
      async (_, transport) => {
        const max = 8 * MEBIBYTE;
        const clients = 4;
        const { client } = await serveFixture(ingress, 'loaded.js', {
          BEHAVIOUR: 'floods',
          TOTAL: 256 * MEBIBYTE,
          OPTIONS: JSON.stringify({ max_buffered: max, response_limit: 0 }),
        });
        const before = await memory(client);
        await openBlind(client, transport, clients);
        const after = await untilTooSlow(client, clients);
        expect(after.errors).toBe(clients);
        // A buffer that grows doubles, and is copied then.
        expect(after.peak - before.rss).toBeLessThan(clients * 3 * max + REST);
        client.disconnect();
      },
    );

    addition.each([...websockets, ...streams])(
      '%s: what was left unread is given up when the session closes, not when the client goes',
      async (_, transport) => {
        const max = 8 * MEBIBYTE;
        const clients = 20;
        const { client } = await serveFixture(ingress, 'loaded.js', {
          BEHAVIOUR: 'floods',
          TOTAL: 32 * MEBIBYTE,
          OPTIONS: JSON.stringify({ max_buffered: max, response_limit: 0, disconnect_delay: 1 }),
        });
        const before = await memory(client);
        for (let opened = 1; opened <= clients; opened++) {
          await openBlind(client, transport, 1);
          await untilTooSlow(client, opened);
        }
        const after = await memory(client);
        // Kept, it would be 20 × 8 MiB.
        expect(after.peak - before.rss).toBeLessThan(3 * max + REST);
        client.disconnect();
      },
    );

    addition.each([
      ['open', 'counts', 1],
      ['closing', 'closes', 0],
    ])('a client that pings and never reads is given up: %s', async (_, behaviour, errors) => {
      const { client } = await serveFixture(ingress, 'loaded.js', {
        BEHAVIOUR: behaviour,
        OPTIONS: JSON.stringify({ max_buffered: MEBIBYTE }),
      });
      const before = await memory(client);
      const { wire } = await client.websocket('/s/websocket');
      const { socket } = wire;
      socket.pause();
      const ping = encodeFrame({ opcode: OPCODE.ping, payload: 'x'.repeat(125) });
      const pings = Buffer.concat(Array(8000).fill(ping));
      let sent = 0;
      while (!socket.destroyed && sent < 128 * MEBIBYTE) {
        sent += pings.length;
        if (!socket.write(pings)) {
          await new Promise((resolve) => {
            const settle = () => {
              socket.off('drain', settle).off('close', settle);
              resolve();
            };
            socket.on('drain', settle).on('close', settle);
          });
        }
      }
      const after = await memory(client);
      expect(after.errors).toBe(errors);
      expect(after.peak - before.rss).toBeLessThan(REST);
      socket.destroy();
      while ((await memory(client)).closed < 1);
    });
  },
);
