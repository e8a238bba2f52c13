'use strict';

/*
 * What keeps the process alive after `unref()` of the http server and of the sockets in its 'connection' event.
 */

const { delay } = require('./support/wait');
const { serveFixture } = require('./support/child');
const { ingresses } = require('./support/library');
const { every, open } = require('./support/transports');

const ENDED = { code: 0, signal: null };
const RAW = every.find(([protocol]) => protocol === 'websocket-raw');
const others = every.filter((transport) => transport !== RAW);

describe.each(ingresses)(
  'a process whose sockets are unreferenced, by the %s ingress',
  (ingress) => {
    /** @param {string} actions methods of the sockets */
    const serve = (actions) => serveFixture(ingress, 'unrefs.js', { ACTIONS: actions });

    test('ends although a raw websocket is open, which has no timers', async () => {
      const { child, client } = await serve('unref');
      await open(client, RAW[1]);
      await child.line(/^done$/);
      expect(await child.exit()).toEqual(ENDED);
    });

    test('lives as long as a raw websocket whose socket is referenced again', async () => {
      const { child, client } = await serve('unref ref');
      const { socket } = await open(client, RAW[1]);
      await child.line(/^done$/);
      await delay(50);
      expect(child.status).toBeUndefined();
      socket.destroy();
      expect(await child.exit()).toEqual(ENDED);
    });

    test.each(others)('lives as long as a session of %s', async (_, transport) => {
      const { child, client } = await serve('unref');
      const { socket, session, connection } = await open(client, transport);
      if (transport.polls) connection.send(transport.method, session + transport.path);
      await child.line(/^done$/);
      await delay(50);
      expect(child.status).toBeUndefined();
      socket.destroy();
      expect(await child.exit()).toEqual(ENDED);
    });

    test('ends although a keep-alive connection is open', async () => {
      const { child, client } = await serve('unref');
      const connection = client.connect();
      await connection.request('GET', '/s/info');
      await connection.request('GET', '/app');
      await child.line(/^done$/);
      expect(await child.exit()).toEqual(ENDED);
    });
  },
);
