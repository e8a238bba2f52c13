'use strict';

const { deviation, ingresses, survival } = require('./support/library');
const { startEcho, startServer, startService } = require('./support/server');
const { ACCEPT, OPCODE, encodeClose, encodeFrame } = require('./support/websocket-client');

describe.each(ingresses)('websocket, by the %s ingress', (ingress) => {
  let server;
  beforeEach(async () => {
    server = await startServer(ingress);
  });

  /** Opens a session of /echo and reads its o frame. */
  async function open(options) {
    const ws = await server.websocket(`${server.session('/echo')}/websocket`, options);
    expect(await ws.message()).toBe('o');
    return ws;
  }

  test('opens with o and echoes', async () => {
    const ws = await open();
    ws.send('["a"]');
    expect(await ws.message()).toBe('a["a"]');
  });

  test('the handshake is answered as RFC 6455 requires', async () => {
    const ws = await open();
    expect(ws.response.headers).toEqual({
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-accept': ACCEPT,
    });
  });

  test('the handshake is answered before the client sends anything more', async () => {
    const connection = server.handshake(`${server.session('/echo')}/websocket`);
    expect((await connection.response()).status).toBe(101);
  });

  test('"Connection: keep-alive, Upgrade" is accepted, which Firefox 6 sends', async () => {
    const ws = await open({ headers: { Connection: 'keep-alive, Upgrade', Upgrade: 'WebSocket' } });
    ws.send('["a"]');
    expect(await ws.message()).toBe('a["a"]');
  });

  test('neither a subprotocol nor an extension is chosen', async () => {
    const ws = await open({
      headers: {
        'Sec-WebSocket-Protocol': 'chat, superchat',
        'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
        Origin: 'http://a.test',
      },
    });
    expect(ws.response.headers).not.toHaveProperty('sec-websocket-protocol');
    expect(ws.response.headers).not.toHaveProperty('sec-websocket-extensions');
  });

  test('a short key is accepted', async () => {
    const ws = await open({ headers: { 'Sec-WebSocket-Key': 'short' } });
    expect(ws.response.headers).toHaveProperty('sec-websocket-accept');
  });

  test('a session that the application closes gets o, c and the normal closure', async () => {
    const ws = await server.websocket(`${server.session('/close')}/websocket`);
    expect(await ws.message()).toBe('o');
    expect(await ws.message()).toBe('c[3000,"Go away!"]');
    expect(await ws.closeFrame()).toEqual([1000, 'Normal closure']);
    ws.sendClose(1000);
    expect(await ws.end()).toBe('');
  });

  test('empty messages are ignored', async () => {
    const ws = await open();
    ws.send('');
    ws.send('["a"]');
    expect(await ws.message()).toBe('a["a"]');
  });

  test('every message of an array has a frame of its own', async () => {
    const ws = await open();
    ws.send('["a","b"]');
    expect(await ws.message()).toBe('a["a"]');
    expect(await ws.message()).toBe('a["b"]');
  });

  test.each(['["a', 'x', '["a"]]', ' '])('broken JSON ends the websocket: %j', async (text) => {
    const ws = await open();
    ws.send(text);
    expect(await ws.closeFrame()).toEqual([3000, 'Broken framing.']);
    ws.sendClose(3000);
    expect(await ws.end()).toBe('');
  });

  test('websockets with the same id have sessions of their own', async () => {
    const target = `${server.session('/echo')}/websocket`;
    const first = await server.websocket(target);
    const second = await server.websocket(target);
    expect(await first.message()).toBe('o');
    expect(await second.message()).toBe('o');
    first.send('["1"]');
    second.send('["2"]');
    expect(await first.message()).toBe('a["1"]');
    expect(await second.message()).toBe('a["2"]');
    first.abort();
    second.abort();
    const third = await server.websocket(target);
    expect(await third.message()).toBe('o');
    third.send('["3"]');
    expect(await third.message()).toBe('a["3"]');
  });

  test('xhr_send to its session gets 404', async () => {
    const session = server.session('/echo');
    await server.websocket(`${session}/websocket`);
    expect((await server.post(`${session}/xhr_send`, '["a"]')).status).toBe(404);
  });

  test('messages arrive with every encoding of their length', async () => {
    const ws = await open();
    for (const length of [0, 1, 100, 121, 122, 123, 124, 65530, 65531, 65532, 65536, 1_000_000]) {
      const message = 'x'.repeat(length);
      ws.send(`["${message}"]`);
      expect(await ws.message()).toBe(`a["${message}"]`);
    }
  });

  test('a message can arrive in fragments, with a ping between them', async () => {
    const ws = await open();
    ws.sendFrame({ payload: '["a', fin: false });
    ws.sendFrame({ opcode: OPCODE.ping, payload: 'here?' });
    ws.sendFrame({ opcode: OPCODE.continuation, payload: '', fin: false });
    ws.sendFrame({ opcode: OPCODE.continuation, payload: 'b"]' });
    const pong = await ws.frame();
    expect(pong.opcode).toBe(OPCODE.pong);
    expect(pong.payload.toString()).toBe('here?');
    expect(await ws.message()).toBe('a["ab"]');
  });

  test('frames can arrive byte by byte, and many in one segment', async () => {
    const ws = await open();
    for (const byte of encodeFrame({ payload: '["slow"]' })) ws.wire.write(Buffer.from([byte]));
    expect(await ws.message()).toBe('a["slow"]');
    ws.wire.write(
      Buffer.concat(['["1"]', '["2"]', '["3"]'].map((payload) => encodeFrame({ payload }))),
    );
    for (const i of [1, 2, 3]) expect(await ws.message()).toBe(`a["${i}"]`);
  });

  test('a frame can begin in the segment of the handshake', async () => {
    const frame = encodeFrame({ payload: '["early"]' });
    const ws = await open({ early: frame.subarray(0, 7) });
    ws.wire.write(frame.subarray(7));
    expect(await ws.message()).toBe('a["early"]');
  });

  test('a ping is answered, an unexpected pong is ignored', async () => {
    const ws = await open();
    ws.sendFrame({ opcode: OPCODE.pong, payload: 'unasked' });
    ws.sendFrame({ opcode: OPCODE.ping, payload: Buffer.from([0, 255]) });
    const pong = await ws.frame();
    expect(pong.opcode).toBe(OPCODE.pong);
    expect([...pong.payload]).toEqual([0, 255]);
  });
});

describe.each(ingresses)('websocket and the application, by the %s ingress', (ingress) => {
  test("a client that closes is answered, and 'close' is emitted once", async () => {
    const server = await startEcho(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    await ws.message();
    ws.sendClose(1000, 'bye');
    expect(await ws.closeFrame()).toEqual([1000, 'bye']);
    await ws.end();
    const peer = await server.accept();
    await peer.until('close');
    expect(peer.events).toEqual([['end'], ['close']]);
    expect(peer.conn.readyState).toBe(3);
  });

  test('a client that disconnects ends the session at once', async () => {
    const server = await startEcho(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    await ws.message();
    const peer = await server.accept();
    ws.abort();
    await peer.until('close');
    expect(peer.events).toEqual([['end'], ['close']]);
  });

  test('what arrived before the close is delivered before it', async () => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    await ws.message();
    const peer = await server.accept();
    ws.wire.write(Buffer.concat([encodeFrame({ payload: '["a","b"]' }), encodeClose(1001)]));
    ws.wire.socket.end();
    await peer.until('close');
    expect(peer.events).toEqual([['data', 'a'], ['data', 'b'], ['end'], ['close']]);
  });

  test('everything written before close() arrives before the close', async () => {
    const server = await startService(ingress, {}, (conn) => {
      for (let i = 0; i < 100; i++) conn.write(`${i} ${'x'.repeat(5000)}`);
      conn.close(4000, 'done');
    });
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    for (let i = 0; i < 100; i++) expect(await ws.message()).toMatch(`a["${i} `);
    expect(await ws.message()).toBe('c[4000,"done"]');
    expect(await ws.closeFrame()).toEqual([1000, 'Normal closure']);
  });

  test("'end' and 'close' are emitted before close() returns", async () => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    const peer = await server.accept();
    expect(peer.conn.close(3001, 'x')).toBe(true);
    expect(peer.events).toEqual([['end'], ['close']]);
    expect(peer.conn.readyState).toBe(3);
    expect(peer.conn.write('late')).toBe(false);
    expect(await ws.message()).toBe('o');
    expect(await ws.message()).toBe('c[3001,"x"]');
    expect(await ws.closeFrame()).toEqual([1000, 'Normal closure']);
  });

  survival(3, 'the rest of a frame is not delivered after the application has closed', async () => {
    const server = await startService(ingress, {}, (conn) => conn.on('data', () => conn.close()));
    const ws = await server.websocket('/s/0/0/websocket');
    await ws.message();
    ws.send('["a","b"]');
    expect(await ws.message()).toBe('c[1000,"Normal closure"]');
    await ws.closeFrame();
    const peer = await server.accept();
    expect(peer.events).toEqual([['data', 'a'], ['end'], ['close']]);
  });

  test('simultaneous closes of client and application end the connection', async () => {
    const server = await startService(ingress, {}, (conn) => conn.close());
    const closeAtOnce = async () => {
      const ws = await server.websocket('/s/0/0/websocket');
      ws.sendClose(1000);
      await ws.end();
    };
    // Which close comes first varies.
    for (let n = 0; n < 5; n++) await Promise.all(Array.from({ length: 20 }, closeAtOnce));
  });

  test('faye_server_options.headers are sent with the handshake', async () => {
    const server = await startService(ingress, {
      faye_server_options: { headers: { 'X-Served-By': 'tests' } },
    });
    const ws = await server.websocket('/s/0/0/websocket');
    expect(ws.response.headers['x-served-by']).toBe('tests');
  });

  test('faye_server_options.ping is the interval of pings in seconds', async () => {
    const server = await startService(ingress, { faye_server_options: { ping: 0.03 } });
    for (const target of ['/s/0/0/websocket', '/s/websocket']) {
      const ws = await server.websocket(target);
      let frame = await ws.frame();
      if (frame.opcode === OPCODE.text) frame = await ws.frame();
      expect(frame.opcode).toBe(OPCODE.ping);
      expect(frame.payload.toString()).toBe('1');
      frame = await ws.frame();
      expect(frame.payload.toString()).toBe('2');
    }
  });

  deviation(3, 'a whole message in the segment of the handshake is delivered', async () => {
    const server = await startEcho(ingress);
    const early = encodeFrame({ payload: '["early"]' });
    const ws = await server.websocket('/s/0/0/websocket', { early });
    expect(await ws.message()).toBe('o');
    expect(await ws.message()).toBe('a["early"]');
  });

  for (const [what, early] of [
    ['a close', encodeClose(1000)],
    ['an invalid frame', encodeFrame({ payload: 'x', masked: false })],
    ['broken JSON', encodeFrame({ payload: '[' })],
  ]) {
    survival(3, `the process survives ${what} in the segment of the handshake`, async () => {
      const connections = [];
      const server = await startService(ingress, {}, (conn) => connections.push(conn));
      const ws = await server.websocket('/s/0/0/websocket', { early });
      ws.sendClose(1000);
      await ws.end();
      // When a later connection is open, the first one has had all its events.
      const next = await server.websocket('/s/0/0/websocket');
      expect(await next.message()).toBe('o');
      let peer = await server.accept();
      while (peer.conn.readyState !== 1) peer = await server.accept();
      expect(connections.length).toBeLessThanOrEqual(2);
      expect(connections.at(-1)).toBe(peer.conn);
    });
  }
});
