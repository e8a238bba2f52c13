'use strict';

/*
 * Few busy websockets are read by the JavaScript thread, many by the I/O threads (ARCHITECTURE.md). It
 * changes with the load, and nobody must notice.
 */

const { addition } = require('./support/library');
const { startEcho } = require('./support/server');

const CROWD = 40;
const BURST = 100;
const CALM = 600;

addition('order holds while the reading goes to the I/O threads and back', async () => {
  const server = await startEcho('takeover');
  const clients = [];
  for (let i = 0; i < CROWD; i++) {
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    clients.push(ws);
  }
  /** Messages of one client, in one burst, come back whole and in order. */
  const burst = async (ws, round, count) => {
    for (let i = 0; i < count; i++) ws.send(`["${round}-${i}"]`);
    for (let i = 0; i < count; i++) expect(await ws.message()).toBe(`a["${round}-${i}"]`);
  };
  for (const round of ['first', 'second']) {
    // Many sockets are ready at once, again and again.
    await Promise.all(clients.map((ws) => burst(ws, round, BURST)));
    // One is, for longer than it takes to change back.
    for (let i = 0; i < CALM; i++) await burst(clients[0], `${round}-calm-${i}`, 1);
  }
});

addition('what a paused connection is sent waits, by either reader', async () => {
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
