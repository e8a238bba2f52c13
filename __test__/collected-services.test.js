'use strict';

/*
 * Services, handlers and http servers that the application no longer references are garbage-collected, and their
 * threads and descriptors end.
 */

const path = require('path');
const { Child, serveFixture } = require('./support/child');
const { addition, ingresses, environmentOf } = require('./support/library');
const { every, open } = require('./support/transports');
const { encodeFrame } = require('./support/websocket-client');

/** Runs a case of fixtures/drops.js to its end. @returns {Promise<Child>} */
async function runCase(ingress, name) {
  const child = new Child(path.join(__dirname, 'fixtures', 'drops.js'), {
    env: { CASE: name, ...environmentOf(ingress) },
  });
  // Nothing is open, so the process ends by itself.
  expect(await child.exit()).toEqual({ code: 0, signal: null });
  expect(child.errors).toBe('');
  return child;
}

/**
 * @param {import('./support/client').Client} client
 * @returns {Promise<Record<string, number>>} what fixtures/detaches.js counts after a collection
 */
async function countKept(client, target = '/kept') {
  return JSON.parse((await client.get(target)).body);
}

/** Sends a message by websocket, and waits for its echo. */
async function echo({ wire }, { protocol }) {
  const payload = protocol === 'websocket' ? '["back"]' : 'back';
  wire.write(encodeFrame({ payload }));
  await wire.read(() => wire.buffer.includes('back') || undefined, 'the echo');
}

describe.each(ingresses)('garbage collection, by the %s ingress', (ingress) => {
  test.each([
    ['services and the http servers on which they are installed', 'installed'],
    ['middlewares and handlers with their services', 'handlers'],
    ['http servers that share a service which is still referenced', 'shared'],
  ])('%s are collected', async (_, name) => {
    const child = await runCase(ingress, name);
    expect(child.lines).toEqual(['kept 0']);
  });

  addition('services detached from a referenced http server are collected', async () => {
    const child = await runCase(ingress, 'detached');
    expect(child.lines).toEqual(['kept 0']);
  });

  test('a referenced http server keeps the service that is installed on it', async () => {
    const child = await runCase(ingress, 'staying');
    expect(child.lines).toEqual(['kept 0']);
  });

  addition('threads and descriptors end with the last service', async () => {
    const child = await runCase(ingress, 'threads');
    expect(child.lines).toEqual(['kept 1,1,1,0,0']);
  });

  addition(
    'threads and descriptors of 100 copies of the package end with their services',
    async () => {
      const child = await runCase(ingress, 'copies');
      expect(child.lines).toEqual(['kept 100,0,0']);
    },
  );

  addition('a service detached during a request is collected after the request', async () => {
    const { client } = await serveFixture(ingress, 'detaches.js');
    const connection = client.connect();
    // Lasts for three seconds.
    connection.send('POST', '/s/chunking_test');
    await connection.response();
    expect(await countKept(client, '/detach')).toMatchObject({ services: 1 });
    connection.abort();
    while ((await countKept(client)).services > 0);
    client.disconnect();
  });

  addition.each(every)(
    'a service detached with a client of %s is collected after the client',
    async (_, transport) => {
      const { child, client } = await serveFixture(ingress, 'detaches.js');
      const before = await countKept(client);
      const opened = await open(client, transport);
      expect(await countKept(client, '/detach')).toMatchObject({ services: 1, connections: 1 });
      if (transport.upgraded) {
        await echo(opened, transport);
        expect(await countKept(client)).toMatchObject({ services: 1, connections: 1 });
      }
      opened.socket.destroy();
      client.disconnect();
      let now = await countKept(client);
      while (now.services > 0) now = await countKept(client);
      expect(now.connections).toBe(0);
      expect(now.threads).toBe(before.threads);
      expect(child.errors).toBe('');
      client.disconnect();
    },
  );
});
