'use strict';

const http = require('http');
const { inspect } = require('util');
const { addition, ingresses, sockjs, throughIngress } = require('./support/library');
const { Log } = require('./support/log');
const { startService } = require('./support/server');

describe.each(ingresses)('options, by the %s ingress', (ingress) => {
  for (const [title, options] of [
    ['a prefix that is no valid expression', { prefix: '/(' }],
    ['a log that is not a function', { log: 'console' }],
    ['a delay that is no number', { heartbeat_delay: 'soon' }],
    ['a delay that is no number', { disconnect_delay: {} }],
    ['a max_message_size below 1', { max_message_size: 0 }],
    ['a max_buffered below 1', { max_buffered: -1 }],
    ['a pong_timeout below 1', { pong_timeout: 0 }],
    ['a maxLength that is no number', { faye_server_options: { maxLength: '1mb' } }],
    ['a maxLength below 0', { faye_server_options: { maxLength: -1 } }],
    ['a ping that is no number', { faye_server_options: { ping: '30s' } }],
    ['a ping of 0 as a string', { faye_server_options: { ping: '0' } }],
    ['a disconnect_delay that cannot be made a number', { disconnect_delay: Symbol('5 s') }],
    ['a max_buffered that cannot be made a number', { max_buffered: Object.create(null) }],
    ['a sockjs_url that cannot be made a string', { sockjs_url: Object.create(null) }],
    ['a base_url that JSON cannot express', { base_url: { toJSON: () => BigInt(1) } }],
  ]) {
    addition(`${title} is refused with a coded error: ${inspect(options)}`, async () => {
      const attempt = (fn) => {
        try {
          throughIngress(ingress, fn);
        } catch (error) {
          return error;
        }
        throw new Error('it was accepted');
      };
      const server = http.createServer();
      const quiet = { log: () => {}, ...options };
      const error = attempt(() => sockjs.createServer(quiet).installHandlers(server));
      expect(['TypeError', 'RangeError']).toContain(error.name);
      expect(error.code).toMatch(/^ERR_SOCKJS_/);
      expect(error.message).toContain(Object.keys(options)[0]);
      expect(server.listenerCount('request')).toBe(0);
    });
  }

  test('unknown options are ignored', async () => {
    const server = await startService(ingress, { debug: true, whatever: { x: 1 } });
    expect((await server.get('/s/')).status).toBe(200);
  });

  test('falsy values in faye_server_options are ignored', async () => {
    const faye = { maxLength: 0, ping: null, headers: undefined };
    const server = await startService(ingress, { faye_server_options: faye });
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.send('["a"]');
    const peer = await server.accept();
    await peer.until('data');
    expect(peer.messages).toEqual(['a']);
  });

  test('maxLength can be a string of digits, or Infinity', async () => {
    for (const [maxLength, taken] of [
      ['10', 0],
      [Infinity, 1],
    ]) {
      const server = await startService(ingress, { faye_server_options: { maxLength } });
      const ws = await server.websocket('/s/0/0/websocket');
      expect(await ws.message()).toBe('o');
      const peer = await server.accept();
      ws.send('["longer than ten"]');
      if (taken) await peer.until('data');
      else expect(await ws.closeFrame()).toEqual([1009, 'WebSocket frame length too large']);
      expect(peer.messages).toHaveLength(taken);
    }
  });

  addition('a body larger than max_message_size gets 413 with a short text', async () => {
    const server = await startService(ingress, { max_message_size: 100 });
    const session = server.session('/s');
    await server.post(`${session}/xhr`);
    const fits = `["${'x'.repeat(96)}"]`;
    expect((await server.post(`${session}/xhr_send`, fits)).status).toBe(204);
    const connection = server.connect();
    connection.send('POST', `${session}/xhr_send`, { body: `["${'x'.repeat(97)}"]` });
    const refused = await connection.response();
    expect(refused.status).toBe(413);
    expect((await refused.rest()).length).toBeGreaterThan(0);
    const peer = await server.accept();
    await peer.until('data');
    expect(peer.messages).toEqual(['x'.repeat(96)]);
  });

  addition('a websocket message larger than max_message_size closes with 1009', async () => {
    const server = await startService(ingress, { max_message_size: 100 });
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.send(`["${'x'.repeat(97)}"]`);
    expect(await ws.closeFrame()).toEqual([1009, 'WebSocket frame length too large']);
  });

  addition('a client that reads nothing is closed when max_buffered is exceeded', async () => {
    const log = new Log();
    const server = await startService(ingress, { max_buffered: 1000, log: log.log });
    const session = server.session('/s');
    await server.post(`${session}/xhr`);
    const { conn } = await server.accept();
    while (conn.readyState === 1 && log.errors.length === 0) {
      if (!conn.write('x'.repeat(100))) break;
      await new Promise(setImmediate);
    }
    expect((await server.post(`${session}/xhr`)).body).toBe('c[3001,"Client too slow"]\n');
    await log.line('error', /bytes unread$/);
    expect(log.errors).toHaveLength(1);
  });

  addition('a new option that is undefined is ignored', async () => {
    const options = { max_message_size: 100, high_water_mark: 10 };
    const { service } = await startService(ingress, options);
    const unset = Object.fromEntries(
      ['max_buffered', 'binary', 'io_threads', 'pong_timeout', ...Object.keys(options)].map(
        (name) => [name, undefined],
      ),
    );
    expect(service.listener(unset).options).toMatchObject({
      ...options,
      max_buffered: 64 * 1024 * 1024,
      pong_timeout: 10000,
    });
    expect(service.listener({ high_water_mark: null }).options.high_water_mark).toBe(null);
  });

  addition('numbers can be given as strings', async () => {
    const text = { max_buffered: '1000', high_water_mark: '10', pong_timeout: '20' };
    const server = await startService(ingress, {
      ...text,
      max_message_size: '30',
      io_threads: '1',
    });
    await server.post('/s/0/0/xhr');
    const { conn } = await server.accept();
    expect([conn.write('123'), conn.write('more than ten')]).toEqual([true, false]);
  });

  test('options of a handler take precedence over those of the server', async () => {
    const server = await startService(ingress, { prefix: '/s', websocket: false });
    throughIngress(ingress, () =>
      server.service.installHandlers(server.http, { prefix: '/t', websocket: true }),
    );
    expect(JSON.parse((await server.get('/s/info')).body).websocket).toBe(false);
    expect(JSON.parse((await server.get('/t/info')).body).websocket).toBe(true);
  });
});
