'use strict';

const net = require('net');
const path = require('path');
const { once } = require('events');
const { Child } = require('./support/child');
const { Client } = require('./support/client');
const { isOracle } = require('./support/library');

const SERVER = path.join(__dirname, '..', 'examples', 'test_server', 'index.js');

// The example requires sockjs-rs itself, so it cannot run on the oracle.
(isOracle ? describe.skip : describe)('examples/test_server', () => {
  test('says where it listens, serves, and ends cleanly with Ctrl-C', async () => {
    const child = new Child(SERVER, { env: { PORT: '0' } });
    const [, port] = await child.line(/http:\/\/127\.0\.0\.1:(\d+)\/$/);
    const client = new Client(Number(port));
    for (const name of ['echo', 'disabled_websocket_echo', 'cookie_needed_echo', 'close']) {
      expect((await client.get(`/${name}/`)).body).toBe('Welcome to SockJS!\n');
    }
    for (const name of ['broadcast', 'ticker', 'amplify']) {
      expect((await client.get(`/${name}/info`)).status).toBe(200);
    }
    expect((await client.get('/')).status).toBe(404);
    const ws = await client.websocket('/echo/0/0/websocket');
    expect(await ws.message()).toBe('o');
    child.process.kill('SIGINT');
    expect(await child.exit()).toEqual({ code: 0, signal: null });
    expect(child.errors).toBe('');
    client.disconnect();
  });

  test('says in one line that the port is in use', async () => {
    const other = net.createServer().listen(0);
    await once(other, 'listening');
    const { port } = other.address();
    const child = new Child(SERVER, { env: { PORT: String(port) } });
    expect(await child.exit()).toEqual({ code: 1, signal: null });
    expect(child.errors).toBe(`Port ${port} is in use: set PORT to another one.\n`);
    other.close();
  });
});
