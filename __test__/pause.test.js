'use strict';

/*
 * `conn.pause()`, which 0.3.24 does not have: nothing is read from the client meanwhile. A client that is not read must
 * not be closed for it, and one that disconnects must be noticed.
 */

const { once } = require('events');
const { delay } = require('./support/wait');
const { addition, ingresses } = require('./support/library');
const { startService } = require('./support/server');
const { OPCODE } = require('./support/websocket-client');

describe.each(ingresses)('a paused connection, by the %s ingress', (ingress) => {
  const targets = [
    ['websocket', '/s/0/0/websocket', '["m"]'],
    ['raw websocket', '/s/websocket', 'm'],
  ];

  async function startPaused(target, options) {
    const server = await startService(ingress, options, (conn) => conn.pause());
    const ws = await server.websocket(target);
    if (target.includes('/0/')) expect(await ws.message()).toBe('o');
    return { ws, peer: await server.accept() };
  }

  addition('outlives the heartbeats that its client answers', async () => {
    const options = { heartbeat_delay: 30, pong_timeout: 60 };
    const { ws, peer } = await startPaused('/s/0/0/websocket', options);
    ws.send('["m"]');
    for (let beats = 0; beats < 8; beats++) {
      expect((await ws.frame()).opcode).toBe(OPCODE.ping);
      ws.sendFrame({ opcode: OPCODE.pong });
    }
    expect(peer.messages).toEqual([]);
    peer.conn.resume();
    await peer.until('data');
    expect(peer.messages).toEqual(['m']);
    expect(peer.conn.readyState).toBe(1);
  });

  addition('is closed after resume() if a ping stays unanswered', async () => {
    const options = { heartbeat_delay: 30, pong_timeout: 60 };
    const { ws, peer } = await startPaused('/s/0/0/websocket', options);
    expect((await ws.frame()).opcode).toBe(OPCODE.ping);
    const closed = once(peer.conn, 'close');
    peer.conn.resume();
    await closed;
  });

  for (const [name, target, message] of targets) {
    addition(`${name}: ends when its client resets`, async () => {
      const { ws, peer } = await startPaused(target);
      const closed = once(peer.conn, 'close');
      ws.wire.socket.resetAndDestroy();
      await closed;
    });

    addition(
      `${name}: delivers what its client sent before it left, although writes fail`,
      async () => {
        const { ws, peer } = await startPaused(target);
        for (let i = 0; i < 3; i++) ws.send(message);
        ws.wire.socket.end();
        ws.wire.socket.destroySoon();
        const { conn } = peer;
        // The second write fails because the client has left, and Node ends such a socket.
        for (let i = 0; i < 4; i++) {
          conn.write('anybody?');
          await delay(20);
        }
        conn.resume();
        await peer.until('close');
        expect(peer.messages).toEqual(['m', 'm', 'm']);
      },
    );

    addition(`${name}: is closed by the application without being resumed`, async () => {
      const { ws, peer } = await startPaused(target);
      ws.send(message);
      const closed = once(peer.conn, 'close');
      peer.conn.close();
      if (name === 'websocket') expect(await ws.message()).toBe('c[1000,"Normal closure"]');
      expect(await ws.closeFrame()).toEqual([1000, 'Normal closure']);
      ws.sendClose(1000);
      await closed;
      await ws.end();
      expect(peer.messages).toEqual([]);
    });
  }
});

addition(
  'the last message of a client that has left is delivered when the connection is resumed',
  async () => {
    const server = await startService('takeover', {}, (conn) => conn.pause());
    const ws = await server.websocket('/s/websocket');
    const peer = await server.accept();
    ws.send('last words');
    ws.abort();
    const other = await server.websocket('/s/websocket');
    await server.accept();
    other.abort();
    peer.conn.resume();
    await peer.until('close');
    expect(peer.messages).toEqual(['last words']);
  },
);
