'use strict';

/*
 * Counterparts of the official suite: websockets.
 */

const { HixieClient } = require('./support/hixie-client');
const { official } = require('./support/official');
const { ACCEPT } = require('./support/websocket-client');

official('WebsocketHttpErrors.test_httpMethod', 'a plain GET gets 400', async (server) => {
  expect((await server.get('/echo/0/0/websocket')).status).toBe(400);
});

official(
  'WebsocketHttpErrors.test_invalidConnectionHeader',
  'a GET whose Connection header was rewritten gets 400',
  async (server) => {
    const response = await server.get('/echo/0/0/websocket', {
      Upgrade: 'WebSocket',
      Connection: 'close',
    });
    expect(response.status).toBe(400);
    expect(response.body).toBe('Not a valid websocket request');
  },
);

official('WebsocketHttpErrors.test_invalidMethod', 'a POST gets 405', async (server) => {
  for (const headers of [{ Upgrade: 'WebSocket', Connection: 'Upgrade' }, {}]) {
    const response = await server.post('/echo/0/0/websocket', '', headers);
    expect(response.status).toBe(405);
    expect(response.headers).not.toHaveProperty('content-type');
    expect(response.headers.allow).toBe('GET');
    expect(response.body).toBe('');
  }
});

official('Websocket.test_transport', 'a message is echoed', async (server) => {
  const ws = await server.websocket(`${server.session('/echo')}/websocket`);
  expect(await ws.message()).toBe('o');
  ws.send('["a"]');
  expect(await ws.message()).toBe('a["a"]');
});

official('Websocket.test_close', 'the connection ends after the close frame', async (server) => {
  const ws = await server.websocket(`${server.session('/close')}/websocket`);
  expect(await ws.message()).toBe('o');
  expect(await ws.message()).toBe('c[3000,"Go away!"]');
  expect(await ws.closeFrame()).toEqual([1000, 'Normal closure']);
  ws.sendClose(1000);
  await ws.end();
});

official(
  'Websocket.test_headersSanity',
  'the handshake is answered as RFC 6455 requires',
  async (server) => {
    const connection = server.handshake(`${server.session('/echo')}/websocket`, {
      headers: { 'Sec-WebSocket-Origin': 'http://asd' },
    });
    const { status, headers } = await (await connection).response();
    expect(status).toBe(101);
    expect(headers['sec-websocket-accept']).toBe(ACCEPT);
    expect(headers.connection.toLowerCase()).toBe('upgrade');
    expect(headers.upgrade.toLowerCase()).toBe('websocket');
    expect(headers).not.toHaveProperty('content-length');
  },
);

official('Websocket.test_empty_frame', 'frames without messages are ignored', async (server) => {
  const ws = await server.websocket(`${server.session('/echo')}/websocket`);
  expect(await ws.message()).toBe('o');
  for (const text of ['', '[]', '["a"]']) ws.send(text);
  expect(await ws.message()).toBe('a["a"]');
});

official('Websocket.test_reuseSessionId', 'two can have the same session id', async (server) => {
  const target = `${server.session('/echo')}/websocket`;
  const first = await server.websocket(target);
  const second = await server.websocket(target);
  for (const ws of [first, second]) expect(await ws.message()).toBe('o');
  first.send('["a"]');
  expect(await first.message()).toBe('a["a"]');
  second.send('["b"]');
  expect(await second.message()).toBe('a["b"]');
  first.abort();
  second.abort();
  const third = await server.websocket(target);
  expect(await third.message()).toBe('o');
  third.send('["a"]');
  expect(await third.message()).toBe('a["a"]');
});

official('Websocket.test_haproxy', 'Hixie-76 is answered before its last key', async (server) => {
  const target = `${server.session('/echo')}/websocket`;
  const hixie = HixieClient.begin(server, target);
  const { status, headers } = await hixie.connection.response();
  expect(status).toBe(101);
  expect(headers.connection.toLowerCase()).toBe('upgrade');
  expect(headers.upgrade.toLowerCase()).toBe('websocket');
  expect(headers['sec-websocket-location']).toBe(`ws://localhost${target}`);
  expect(headers['sec-websocket-origin']).toBe('http://localhost');
  expect(headers).not.toHaveProperty('content-length');
  hixie.wire.write('aaaaaaaa');
  await hixie.expect(Buffer.from('ca3400d8a50847972cd5715ababf437b', 'hex'));
});

official('Websocket.test_broken_json', 'broken JSON ends the connection', async (server) => {
  const ws = await server.websocket(`${server.session('/echo')}/websocket`);
  expect(await ws.message()).toBe('o');
  ws.send('["a');
  expect(await ws.closeFrame()).toEqual([3000, 'Broken framing.']);
  ws.sendClose(3000);
  await ws.end();
});

official('RawWebsocket.test_transport', 'text is echoed unchanged', async (server) => {
  const ws = await server.websocket('/echo/websocket');
  ws.send('Hello world!\uffff');
  expect(await ws.message()).toBe('Hello world!\uffff');
});

official('RawWebsocket.test_close', 'the close frame has code and reason', async (server) => {
  const ws = await server.websocket('/close/websocket');
  expect(await ws.closeFrame()).toEqual([3000, 'Go away!']);
});
