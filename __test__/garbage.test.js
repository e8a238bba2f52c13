'use strict';

/*
 * What the application lets go of is let go of here, too.
 */

const path = require('path');
const { Child, serveFixture } = require('./support/child');
const { addition, ingresses, environmentOf } = require('./support/library');
const { every, open } = require('./support/transports');
const { encodeFrame } = require('./support/websocket-client');

/** Runs a case of fixtures/lets-go.js to its end, and answers with the child. */
async function letGo(ingress, name) {
  const child = new Child(path.join(__dirname, 'fixtures', 'lets-go.js'), {
    env: { CASE: name, ...environmentOf(ingress) },
  });
  // Nothing is open, so nothing keeps it.
  expect(await child.exit()).toEqual({ code: 0, signal: null });
  expect(child.errors).toBe('');
  return child;
}

/** @param {import('./support/client').Client} client */
async function kept(client, target = '/kept') {
  return JSON.parse((await client.get(target)).body);
}

/** Has a websocket's service send something back. */
async function echo({ wire }, { protocol }) {
  const payload = protocol === 'websocket' ? '["back"]' : 'back';
  wire.write(encodeFrame({ payload }));
  await wire.read(() => wire.buffer.includes('back') || undefined, 'the echo');
}

describe.each(ingresses)('what the application lets go of, by the %s ingress', (ingress) => {
  test.each([
    ['services, with the http servers that they are on', 'installed'],
    ['middlewares and handlers, with their services', 'handlers'],
    ['http servers that share a service which stays', 'shared'],
  ])('%s', async (_, name) => {
    const child = await letGo(ingress, name);
    expect(child.lines).toEqual(['kept 0']);
  });

  addition('services that were taken off an http server which stays', async () => {
    const child = await letGo(ingress, 'detached');
    expect(child.lines).toEqual(['kept 0']);
  });

  test('not a service that is on an http server which stays', async () => {
    const child = await letGo(ingress, 'staying');
    expect(child.lines).toEqual(['kept 0']);
  });

  addition('threads and descriptors, when no service is left', async () => {
    const child = await letGo(ingress, 'rests');
    expect(child.lines).toEqual(['kept 1,1,1,0,0']);
  });

  addition('those of 100 copies of the package', async () => {
    const child = await letGo(ingress, 'copies');
    expect(child.lines).toEqual(['kept 100,0,0']);
  });

  addition('the service of a request that was under way when it came off', async () => {
    const { client } = await serveFixture(ingress, 'detaches.js');
    const connection = client.connect();
    // Lasts for three seconds.
    connection.send('POST', '/s/chunking_test');
    await connection.response();
    expect(await kept(client, '/detach')).toMatchObject({ services: 1 });
    connection.abort();
    while ((await kept(client)).services > 0);
    client.disconnect();
  });

  addition.each(every)(
    'the service of a client of %s, when that has gone',
    async (_, transport) => {
      const { child, client } = await serveFixture(ingress, 'detaches.js');
      const before = await kept(client);
      const opened = await open(client, transport);
      expect(await kept(client, '/detach')).toMatchObject({ services: 1, connections: 1 });
      if (transport.upgraded) {
        await echo(opened, transport);
        expect(await kept(client)).toMatchObject({ services: 1, connections: 1 });
      }
      opened.socket.destroy();
      client.disconnect();
      let now = await kept(client);
      while (now.services > 0) now = await kept(client);
      expect(now.connections).toBe(0);
      expect(now.threads).toBe(before.threads);
      expect(child.errors).toBe('');
      client.disconnect();
    },
  );
});
