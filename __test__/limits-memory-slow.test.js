'use strict';

/*
 * `max_buffered`: what a server holds for clients that read nothing (docs/compatibility.md, "Limits").
 */

const { serveFixture } = require('./support/child');
const { addition, ingresses } = require('./support/library');
const { every, open, streams, websockets } = require('./support/transports');
const { OPCODE, encodeFrame } = require('./support/websocket-client');

const MEBIBYTE = 1024 * 1024;
/** Bytes for V8 and the allocator, which return memory late. */
const REST = 64 * MEBIBYTE;

/**
 * Opens clients that read nothing.
 *
 * @param {import('./support/client').Client} client
 * @param {import('./support/transports').Transport} transport
 * @param {number} count
 */
async function openUnread(client, transport, count) {
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

    /** Waits until `count` clients have been closed as too slow. */
    async function untilTooSlow(client, count) {
      let now = await memory(client);
      while (now.errors < count) now = await memory(client);
      return now;
    }

    addition.each(every)(
      '%s: it holds at most three times max_buffered for each',
      async (_, transport) => {
        const max = 8 * MEBIBYTE;
        const clients = 4;
        const { client } = await serveFixture(ingress, 'measures-memory.js', {
          BEHAVIOUR: 'floods',
          TOTAL: 256 * MEBIBYTE,
          OPTIONS: JSON.stringify({ max_buffered: max, response_limit: 0 }),
        });
        const before = await memory(client);
        await openUnread(client, transport, clients);
        const after = await untilTooSlow(client, clients);
        expect(after.errors).toBe(clients);
        // A buffer that grows is copied into one of twice the size.
        expect(after.peak - before.rss).toBeLessThan(clients * 3 * max + REST);
        client.disconnect();
      },
    );

    addition.each([...websockets, ...streams])(
      '%s: it frees unread bytes when the session closes, before the client disconnects',
      async (_, transport) => {
        const max = 8 * MEBIBYTE;
        const clients = 20;
        const { client } = await serveFixture(ingress, 'measures-memory.js', {
          BEHAVIOUR: 'floods',
          TOTAL: 32 * MEBIBYTE,
          OPTIONS: JSON.stringify({ max_buffered: max, response_limit: 0, disconnect_delay: 1 }),
        });
        const before = await memory(client);
        for (let opened = 1; opened <= clients; opened++) {
          await openUnread(client, transport, 1);
          await untilTooSlow(client, opened);
        }
        const after = await memory(client);
        // It would be 20 × 8 MiB if they were kept.
        expect(after.peak - before.rss).toBeLessThan(3 * max + REST);
        client.disconnect();
      },
    );

    addition.each([
      ['open', 'counts', 1],
      ['closing', 'closes', 0],
    ])(
      'it ends a connection (%s) whose client pings and never reads',
      async (_, behaviour, errors) => {
        const { client } = await serveFixture(ingress, 'measures-memory.js', {
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
      },
    );
  },
);
