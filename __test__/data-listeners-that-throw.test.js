'use strict';

const { serveFixture } = require('./support/child');
const { deviation, ingresses } = require('./support/library');
const { Log } = require('./support/log');
const { startService } = require('./support/server');
const { encodeFrame } = require('./support/websocket-client');

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

describe.each(ingresses)("a 'data' listener that throws, by the %s ingress", (ingress) => {
  test.each(['/s/0/0/websocket', '/s/websocket'])(
    'causes an uncaught exception at %s',
    async (target) => {
      const { child, client } = await serveFixture(ingress, 'throws.js');
      const ws = await client.websocket(target);
      if (target !== '/s/websocket') expect(await ws.message()).toBe('o');
      ws.send(target === '/s/websocket' ? 'boom' : '["boom"]');
      await child.line(/^uncaught boom$/);
      client.disconnect();
    },
  );

  deviation(5, 'loses no other message or connection by websocket', async () => {
    const { child, client } = await serveFixture(ingress, 'throws.js');
    const ws = await client.websocket('/s/0/0/websocket');
    const other = await client.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    expect(await other.message()).toBe('o');
    ws.wire.write(
      Buffer.concat(['["1","boom","2"]', '["3"]'].map((payload) => encodeFrame({ payload }))),
    );
    other.send('["4"]');
    for (const i of [1, 2, 3]) expect(await ws.message()).toBe(`a["${i}"]`);
    expect(await other.message()).toBe('a["4"]');
    await child.line(/^uncaught boom$/);
    expect(child.lines.filter((line) => line.startsWith('uncaught'))).toHaveLength(1);
    client.disconnect();
  });

  test.each([
    ['xhr_send', '["boom"]', {}],
    ['jsonp_send', 'd=%5B%22boom%22%5D', FORM],
  ])('is logged as an error by %s, and the process lives', async (name, body, headers) => {
    const { child, client } = await serveFixture(ingress, 'throws.js');
    const session = client.session('/s');
    await client.post(`${session}/xhr`);
    await client.post(`${session}/${name}`, body, headers);
    await child.line(/^log ".*boom/);
    await client.post(`${session}/xhr_send`, '["after"]');
    expect((await client.post(`${session}/xhr`)).body).toBe('a["after"]\n');
    expect(child.lines.filter((line) => line.startsWith('uncaught'))).toEqual([]);
    client.disconnect();
  });

  for (const [name, body, headers, status] of [
    ['xhr_send', '["1","boom","2"]', {}, 204],
    ['jsonp_send', `d=${encodeURIComponent('["1","boom","2"]')}`, FORM, 200],
  ]) {
    deviation(
      5,
      `leaves the status of ${name} at ${status}, and the other messages are delivered`,
      async () => {
        const log = new Log();
        const server = await startService(ingress, { log: log.log }, (conn) => {
          conn.on('data', (message) => {
            if (message === 'boom') throw new Error('boom');
          });
        });
        const session = server.session('/s');
        await server.post(`${session}/xhr`);
        const response = await server.post(`${session}/${name}`, body, headers);
        expect(response.status).toBe(status);
        const peer = await server.accept();
        await peer.until('data', 2);
        await log.line('error', /boom/);
        expect(peer.messages).toEqual(expect.arrayContaining(['1', '2']));
        expect(log.errors).toHaveLength(1);
      },
    );
  }
});
