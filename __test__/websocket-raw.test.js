'use strict';

const { addition, ingresses } = require('./support/library');
const { startEcho, startServer, startService } = require('./support/server');
const { OPCODE, encodeClose, encodeFrame } = require('./support/websocket-client');

describe.each(ingresses)('raw websocket, by the %s ingress', (ingress) => {
  test('carries messages unchanged, without frames of SockJS', async () => {
    const server = await startServer(ingress);
    const ws = await server.websocket('/echo/websocket');
    for (const message of [
      'Hello world!\uffff',
      '["a"]',
      '',
      'x'.repeat(70_000),
      '\0\u2028\ud83d\ude00',
    ]) {
      ws.send(message);
      expect(await ws.message()).toBe(message);
    }
  });

  test('the path can end in a slash or have a query', async () => {
    const server = await startServer(ingress);
    for (const target of ['/echo/websocket/', '/echo/websocket?x=y']) {
      const ws = await server.websocket(target);
      ws.send('a');
      expect(await ws.message()).toBe('a');
    }
  });

  test('a session closed by the application gets its code and reason', async () => {
    const server = await startServer(ingress);
    const ws = await server.websocket('/close/websocket');
    expect(await ws.closeFrame()).toEqual([3000, 'Go away!']);
    ws.sendClose(3000, 'Go away!');
    expect(await ws.end()).toBe('');
  });

  test('close() waits for the closing handshake before end and close', async () => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/websocket');
    const peer = await server.accept();
    expect(peer.conn.close()).toBe(true);
    expect(peer.conn.readyState).toBe(2);
    expect(peer.conn.write('late')).toBe(false);
    expect(peer.conn.close()).toBe(false);
    expect(peer.events).toEqual([]);
    expect(await ws.closeFrame()).toEqual([1000, 'Normal closure']);
    expect(peer.events).toEqual([]);

    ws.sendClose(1000);
    await peer.until('close');
    expect(peer.events).toEqual([['end'], ['close']]);
    expect(peer.conn.readyState).toBe(3);
  });

  test('messages that arrive after close() are dropped', async () => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/websocket');
    const peer = await server.accept();
    peer.conn.close(4000, 'x');
    ws.wire.write(Buffer.concat([encodeFrame({ payload: 'late' }), encodeClose(4000)]));
    await peer.until('close');
    expect(peer.messages).toEqual([]);
  });

  test.each([1001, 2999, 5000, 0])('close(%i) throws, but readyState becomes 2', async (code) => {
    const server = await startService(ingress);
    await server.websocket('/s/websocket');
    const { conn } = await server.accept();
    expect(() => conn.close(code, 'x')).toThrow(
      "Failed to execute 'close' on WebSocket: " +
        `The code must be either 1000, or between 3000 and 4999. ${code} is neither.`,
    );
    expect(conn.readyState).toBe(2);
  });

  test('a message in the segment of the handshake is delivered', async () => {
    const server = await startServer(ingress);
    const ws = await server.websocket('/echo/websocket', {
      early: encodeFrame({ payload: 'early' }),
    });
    expect(await ws.message()).toBe('early');
  });

  test('a binary message arrives as a Buffer, and its echo is text', async () => {
    const server = await startEcho(ingress);
    const ws = await server.websocket('/s/websocket');
    ws.sendFrame({ opcode: OPCODE.binary, payload: Buffer.from([0x61, 0xff, 0x00]) });
    const peer = await server.accept();
    await peer.until('data');
    expect(Buffer.isBuffer(peer.messages[0])).toBe(true);
    expect([...peer.messages[0]]).toEqual([0x61, 0xff, 0x00]);
    expect(await ws.message()).toBe('a\ufffd\0');
  });

  addition('with `binary`, the echo of a binary message is binary', async () => {
    const server = await startEcho(ingress, { binary: true });
    const ws = await server.websocket('/s/websocket');
    ws.sendFrame({ opcode: OPCODE.binary, payload: Buffer.from([0, 1, 255]) });
    const { opcode, payload } = await ws.frame();
    expect(opcode).toBe(OPCODE.binary);
    expect([...payload]).toEqual([0, 1, 255]);
    ws.send('text');
    expect(await ws.message()).toBe('text');
  });

  test('a lone surrogate becomes U+FFFD', async () => {
    const server = await startService(ingress, {}, (conn) => conn.write('a\ud800b'));
    const ws = await server.websocket('/s/websocket');
    expect(await ws.message()).toBe('a\ufffdb');
  });

  test('has no heartbeats', async () => {
    const server = await startService(ingress, { heartbeat_delay: 10 }, (conn) => {
      setTimeout(() => conn.write('after 100 ms'), 100);
    });
    const ws = await server.websocket('/s/websocket');
    expect(await ws.message()).toBe('after 100 ms');
  });

  test("'connection' is emitted when the socket is open", async () => {
    const server = await startService(ingress, {}, (conn) => {
      expect(conn.readyState).toBe(1);
      expect(conn.protocol).toBe('websocket-raw');
      conn.write('first');
    });
    const ws = await server.websocket('/s/websocket');
    expect(await ws.message()).toBe('first');
  });

  test('a close in the segment of the handshake ends the connection', async () => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/websocket', { early: encodeClose(1000) });
    await ws.end();
    const peer = await server.accept();
    await peer.until('close');
    expect(peer.events).toEqual([['end'], ['close']]);
  });
});
