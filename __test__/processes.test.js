'use strict';

/*
 * Processes that end, on either side (docs/compatibility.md, "The http server").
 */

const path = require('path');
const { delay } = require('./support/wait');
const { Child, serveFixture } = require('./support/child');
const { addition, ingresses } = require('./support/library');
const { every, open } = require('./support/transports');
const { OPCODE, encodeFrame } = require('./support/websocket-client');

/** What a process that crashes has on its standard error. */
const CRASH = /Error|panic|abort|fatal|segmentation/i;

/** The frame of a command to fixtures/writes-constantly.js. */
const command = (text) => encodeFrame({ payload: JSON.stringify([text]) });

/**
 * Opens clients of every transport, to which the process writes all the time, and lets websockets send to it.
 *
 * @param {import('./support/client').Client} client
 */
async function load(client) {
  const websockets = [];
  for (let i = 0; i < 3; i++) {
    for (const [, transport] of every) {
      const { wire, connection, session } = await open(client, transport);
      if (transport.polls) connection.send(transport.method, session + transport.path);
      if (transport.protocol === 'websocket') websockets.push(wire);
    }
  }
  const messages = Buffer.concat(Array(100).fill(command('load')));
  for (const wire of websockets) {
    for (let i = 0; i < 10; i++) wire.write(messages);
  }
  return websockets;
}

describe.each(ingresses)('a process, by the %s ingress', (ingress) => {
  test.each(every)('lives as long as a client of %s', async (protocol, transport) => {
    const { child, client } = await serveFixture(ingress, 'writes-constantly.js');
    const { socket } = await open(client, transport);
    await child.line(new RegExp(`^open ${protocol}$`));
    child.process.kill('SIGUSR2');
    await child.line(/^closing$/);
    if (transport.polls) {
      // The session alone keeps the process alive, for disconnect_delay.
      socket.destroy();
    } else {
      await delay(50);
      expect(child.status).toBeUndefined();
      expect(child.lines).not.toContain('close 1');
      socket.destroy();
    }
    expect(await child.exit()).toEqual({ code: 0, signal: null });
    expect(child.lines.slice(2).sort()).toEqual(['close 1', 'closing', 'server closed']);
    expect(child.errors).toBe('');
  });

  test('ends by itself when all clients have disconnected', async () => {
    const { child, client } = await serveFixture(ingress, 'writes-constantly.js');
    await load(client);
    child.process.kill('SIGUSR2');
    await child.line(/^closing$/);
    client.disconnect();
    expect(await child.exit()).toEqual({ code: 0, signal: null });
    const ends = child.lines.filter((line) => line.startsWith('close '));
    const opened = child.lines.filter((line) => line.startsWith('open '));
    expect(opened.length).toBeGreaterThanOrEqual(3 * every.length);
    expect(ends).toHaveLength(opened.length);
    expect(child.errors).toBe('');
  });

  addition('is not kept alive by a websocket that left a ping unanswered', async () => {
    const { child, client } = await serveFixture(ingress, 'writes-constantly.js', {
      HEARTBEAT: '10',
    });
    const ws = await client.websocket('/s/0/0/websocket');
    while ((await ws.frame()).opcode !== OPCODE.ping);
    child.process.kill('SIGUSR2');
    ws.abort();
    expect(await child.exit()).toEqual({ code: 0, signal: null });
  });

  test('that calls process.exit() under load ends cleanly', async () => {
    const { child, client } = await serveFixture(ingress, 'writes-constantly.js');
    const [first] = await load(client);
    first.write(command('exit'));
    expect(await child.exit()).toEqual({ code: 7, signal: null });
    expect(child.errors).not.toMatch(CRASH);
    client.disconnect();
  });

  test('that gets SIGTERM under load ends without a crash', async () => {
    const { child, client } = await serveFixture(ingress, 'writes-constantly.js');
    await load(client);
    child.process.kill('SIGTERM');
    expect(await child.exit()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(child.errors).not.toMatch(CRASH);
    client.disconnect();
  });

  test('that calls process.exit() on SIGTERM under load ends cleanly', async () => {
    const { child, client } = await serveFixture(ingress, 'writes-constantly.js', {
      EXIT_ON: 'SIGTERM',
    });
    await load(client);
    child.process.kill('SIGTERM');
    expect(await child.exit()).toEqual({ code: 7, signal: null });
    expect(child.errors).not.toMatch(CRASH);
    client.disconnect();
  });

  test('closes the connections and descriptors of clients whose process is killed', async () => {
    const { client } = await serveFixture(ingress, 'counts.js');
    const counts = async () => JSON.parse((await client.get('/counts')).body);
    const { descriptors } = await counts();
    const crowd = new Child(path.join(__dirname, 'fixtures/opens-clients.js'), {
      env: { PORT: client.address },
    });
    const [, opened] = await crowd.line(/^open (\d+)$/);
    expect((await counts()).opened).toBeGreaterThanOrEqual(Number(opened));
    await crowd.kill();
    let now = await counts();
    while (now.closed < now.opened || now.descriptors > descriptors) now = await counts();
    expect(now.closed).toBe(now.opened);
    // Node may have closed one of its own meanwhile.
    expect(now.descriptors).toBeLessThanOrEqual(descriptors);
  });
});
