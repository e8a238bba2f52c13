'use strict';

/*
 * Test frameworks replace clocks and other globals while the library is in use. It does not depend on them.
 */

const { serveFixture } = require('./support/child');
const { addition, ingresses } = require('./support/library');
const { startService } = require('./support/server');

/** Globals that Node itself does not read again. 0.3.24 works without the first list, but not without the second. */
const GLOBALS = ['Promise', 'performance', 'queueMicrotask'];
const MORE = [
  ...['Immediate', 'Interval', 'Timeout'].flatMap((kind) => [`set${kind}`, `clear${kind}`]),
  ...['Buffer', 'Date', 'JSON'],
];

describe.each(ingresses)('replaced globals, by the %s ingress', (ingress) => {
  afterEach(() => jest.useRealTimers());

  addition.each([{ legacyFakeTimers: false }, { legacyFakeTimers: true }])(
    "all requests are served under Jest's fake timers, %j",
    async (config) => {
      const server = await startService(ingress);
      jest.useFakeTimers(config);
      const ws = await server.websocket('/s/0/0/websocket');
      expect(await ws.message()).toBe('o');
      const { conn } = await server.accept();
      conn.write('pushed');
      expect(await ws.message()).toBe('a["pushed"]');
      conn.close(3000, 'x');
      expect(await ws.message()).toBe('c[3000,"x"]');

      const session = server.session('/s');
      const streaming = await server.open('POST', `${session}/xhr_streaming`);
      await streaming.until('o\n');
      const peer = await server.accept();
      peer.conn.write('pushed');
      expect(await streaming.line()).toBe('a["pushed"]\n');
      peer.conn.pause();
      const sent = server.post(`${session}/xhr_send`, '["paused"]');
      peer.conn.resume();
      expect((await sent).status).toBe(204);
      await peer.until('data');
      jest.useRealTimers();
      streaming.abort();
      await peer.until('close');
    },
  );

  test.each(GLOBALS)('all requests are served without the global %s', servesWithout);
  addition.each(MORE)('all requests are served without the global %s', servesWithout);

  /** @param {string} name of a global */
  async function servesWithout(name) {
    const { child, client } = await serveFixture(ingress, 'replaced-global.js', { GLOBAL: name });
    const ws = await client.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.send('["echo",{"text":"value"}]');
    expect(await ws.message()).toBe('a["echo"]');
    expect(await ws.message()).toBe('a["value"]');

    const raw = await client.websocket('/s/websocket');
    const session = client.session('/s');
    const streaming = await client.open('POST', `${session}/xhr_streaming`);
    await streaming.until('o\n');
    expect((await client.post(`${session}/xhr_send`, '["sent"]')).status).toBe(204);
    expect(await streaming.line()).toBe('a["sent"]\n');

    expect((await client.get('/push')).body).toBe('pushed');
    expect(await ws.message()).toBe('a["/push"]');
    expect(await raw.message()).toBe('/push');
    expect(await streaming.line()).toBe('a["/push"]\n');

    raw.send('close');
    expect(await raw.closeFrame()).toEqual([3001, 'reason']);
    ws.send('["idle"]');
    expect(await ws.message()).toBe('c[1000,"Normal closure"]');
    expect([child.errors, child.status]).toEqual(['', undefined]);
  }
});
