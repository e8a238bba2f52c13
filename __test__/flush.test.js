'use strict';

/*
 * What write() and close() have accepted is sent: before the process ends, and while JavaScript is busy.
 */

const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { Child, serveFixture } = require('./support/child');
const { Client } = require('./support/client');
const { addition, ingresses, environmentOf, isOracle } = require('./support/library');
const { every, open } = require('./support/transports');
const { encodeFrame } = require('./support/websocket-client');

/** How the process ends: see fixtures/says-goodbye.js. */
const ways = ['exit', 'throw', 'exit-listener', 'later'];

/**
 * Sends two polls at once: when one has been refused, the other one waits.
 *
 * @returns {Promise<import('./support/http-client').HttpConnection>} the connection of the poll that waits
 */
async function poll(client, { method, path: transportPath }, { connection, session }) {
  const both = [connection, client.connect()];
  for (const each of both) each.send(method, session + transportPath);
  const isRefused = ({ wire }) => wire.buffer.includes('2010');
  while (!both.some(isRefused)) await new Promise(setImmediate);
  return both.find((each) => !isRefused(each));
}

describe.each(ingresses)('a process that writes, closes and ends, by the %s ingress', (ingress) => {
  test.each(ways)('has sent everything to clients of every transport (%s)', async (how) => {
    const { child, client } = await serveFixture(ingress, 'says-goodbye.js', { HOW: how });
    const clients = [];
    for (const [protocol, transport] of every) {
      const opened = await open(client, transport);
      const { wire } = transport.polls ? await poll(client, transport, opened) : opened;
      await child.line(new RegExp(`^open ${protocol} `));
      clients.push({ protocol, wire, polls: transport.polls });
    }
    child.process.kill('SIGUSR2');
    for (const { protocol, wire, polls } of clients) {
      const received = await wire.end();
      expect([protocol, received]).toEqual([protocol, expect.stringContaining('bye')]);
      if (polls) continue;
      // A websocket's own close frame follows that of SockJS.
      const last = protocol === 'websocket' ? 'Normal closure' : 'restart';
      expect([protocol, received]).toEqual([protocol, expect.stringContaining(last)]);
    }
    expect(await child.exit()).toEqual({ code: how === 'throw' ? 1 : 7, signal: null });
  });

  test('has sent long messages over TLS', async () => {
    const large = 'x'.repeat(120_000);
    const env = { HOW: 'exit', SECURE: '1', GOODBYE: large };
    const { child, client } = await serveFixture(ingress, 'says-goodbye.js', env);
    const ws = await client.websocket('/s/0/0/websocket');
    const raw = await client.handshake('/s/websocket');
    await child.line(/^open websocket-raw 2$/);
    child.process.kill('SIGUSR2');
    for (const { wire } of [ws, raw]) expect(await wire.end()).toContain(large);
    expect(await child.exit()).toEqual({ code: 7, signal: null });
  });

  test.each(ways)('has sent everything to 300 websockets (%s)', async (how) => {
    const { child, client } = await serveFixture(ingress, 'says-goodbye.js', { HOW: how });
    const sockets = [];
    for (let i = 0; i < 300; i++) sockets.push(await client.websocket(`/s/0/${i}/websocket`));
    await child.line(/^open websocket 300$/);
    child.process.kill('SIGUSR2');
    for (const { wire } of sockets) {
      const received = await wire.end();
      expect(received).toContain('a["bye"]');
      expect(received).toContain('c[4001,"restart"]');
    }
    expect(await child.exit()).toEqual({ code: how === 'throw' ? 1 : 7, signal: null });
  });
});

describe.each(ingresses)('copies of the package in one process, by the %s ingress', (ingress) => {
  addition("have sent everything when it ends, with a single listener for 'exit'", async () => {
    const child = new Child(path.join(__dirname, 'fixtures', 'copies.js'), {
      env: environmentOf(ingress),
    });
    const [, ports] = await child.line(/^ports (.*)$/);
    const streams = [];
    for (const port of ports.split(' ')) {
      streams.push(await new Client(Number(port)).open('POST', '/s/0/a/xhr_streaming'));
    }
    await child.line(/^all open$/);
    child.process.kill('SIGUSR2');
    for (const stream of streams) expect(await stream.rest()).toContain('a["bye"]');
    expect(await child.exit()).toEqual({ code: 0, signal: null });
    // Node warns of an eleventh listener to an event.
    expect(child.errors).toBe('');
  });
});

// Over the bridge the bytes leave through Node's own streams, on the thread that is busy.
describe.each(ingresses.filter((ingress) => ingress !== 'bridge'))(
  'a busy process, by the %s ingress',
  (ingress) => {
    // 0.3.24 writes to the kernel at once where no response of Node is between.
    const written = every.filter(([protocol]) =>
      isOracle ? protocol === 'websocket' : protocol !== 'websocket-raw',
    );

    test.each(written)(
      'sends by %s what was written before it became busy',
      async (_, transport) => {
        const done = path.join(os.tmpdir(), `sockjs-${crypto.randomUUID()}`);
        try {
          const { client } = await serveFixture(ingress, 'blocks.js', { DONE: done });
          const { connection, wire, session } = await open(client, transport);
          if (transport.polls) connection.send(transport.method, session + transport.path);
          if (transport.upgraded) wire.write(encodeFrame({ payload: '["go"]' }));
          else client.connect().send('POST', `${session}/xhr_send`, { body: '["go"]' });
          const has = (text) => () => wire.buffer.includes(text) || undefined;
          await wire.read(has('working'), 'the first message');
          expect(wire.buffer.includes('done')).toBe(false);
          fs.writeFileSync(done, '');
          if (!transport.polls) await wire.read(has('done'), 'the second message');
        } finally {
          fs.rmSync(done, { force: true });
        }
      },
    );
  },
);
