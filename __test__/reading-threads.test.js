'use strict';

/*
 * The JavaScript thread reads websockets while few are busy, the I/O threads while many are (ARCHITECTURE.md). The
 * change between them must not show.
 */

const path = require('path');
const { Child } = require('./support/child');
const { addition } = require('./support/library');
const { startEcho } = require('./support/server');

addition('messages stay in order while reading moves to the I/O threads and back', async () => {
  const server = await startEcho('takeover');
  // In a process of its own: clients that use time of this thread would keep it reading.
  const file = path.join(__dirname, 'fixtures/sends-bursts.js');
  const crowd = new Child(file, { env: { PORT: server.address } });
  for (const line of [/^first crowd$/, /^first calm$/, /^second crowd$/, /^second calm$/]) {
    await crowd.line(line);
  }
  expect(await crowd.exit()).toEqual({ code: 0, signal: null });
});

addition('messages to a paused connection wait, whichever thread reads', async () => {
  const server = await startEcho('takeover');
  const ws = await server.websocket('/s/0/0/websocket');
  expect(await ws.message()).toBe('o');
  const { conn } = await server.accept();
  const received = [];
  conn.on('data', (message) => received.push(message));
  for (let round = 0; round < 3; round++) {
    conn.pause();
    ws.send(`["held ${round}"]`);
    const other = await server.websocket('/s/0/0/websocket');
    expect(await other.message()).toBe('o');
    other.send('["asks"]');
    expect(await other.message()).toBe('a["asks"]');
    expect(received).toHaveLength(round);
    conn.resume();
    expect(await ws.message()).toBe(`a["held ${round}"]`);
  }
});
