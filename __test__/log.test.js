'use strict';

const { serveFixture } = require('./support/child');
const { addition, ingresses } = require('./support/library');
const { Log } = require('./support/log');
const { startService } = require('./support/server');

describe.each(ingresses)('log, by the %s ingress', (ingress) => {
  /** Starts a service whose log is recorded. */
  async function startLogged(options, listener) {
    const log = new Log();
    const server = await startService(ingress, { log: log.log, ...options }, listener);
    return { server, lines: log.lines, untilLines: (count) => log.untilLines(count) };
  }

  test('has at debug the prefix of every installation', async () => {
    const { server, lines } = await startLogged({ prefix: '/s' });
    server.service.installHandlers(server.http, { prefix: '[/]t' });
    expect(lines).toEqual([
      ['debug', expect.stringMatching(/^SockJS v\d+\.\d+\.\d+\S* bound to "\/s"$/)],
      ['debug', expect.stringMatching(/^SockJS v\d+\.\d+\.\d+\S* bound to "\[\/\]t"$/)],
    ]);
  });

  test('has at info the method, target, duration and status of every request', async () => {
    const { server, lines, untilLines } = await startLogged();
    const session = server.session('/s');
    lines.length = 0;
    await server.get('/s/?x=y');
    await server.get('/s/nowhere');
    await server.post('/s/info');
    await server.post(`${session}/xhr`);
    await server.post(`${session}/xhr_send`, '["a"]');
    await server.post(`${session}/xhr_send`, '["a');
    await untilLines(6);
    expect(lines.every(([severity]) => severity === 'info')).toBe(true);
    expect(lines.map(([, line]) => line.replace(/ \d+ms /, ' Nms '))).toEqual([
      'GET /s/?x=y Nms 200',
      'GET /s/nowhere Nms 404',
      'POST /s/info Nms 405',
      `POST ${session}/xhr Nms 200`,
      `POST ${session}/xhr_send Nms 204`,
      `POST ${session}/xhr_send Nms 500`,
    ]);
  });

  test('has streams and websockets as unfinished', async () => {
    const { server, untilLines } = await startLogged();
    const session = server.session('/s');
    await (await server.open('POST', `${session}/xhr_streaming`)).until('o\n');
    await server.websocket(`${session}/websocket`);
    await server.websocket('/s/websocket');
    const lines = (await untilLines(4)).map(([, line]) => line.replace(/ \d+ms /, ' Nms '));
    // The order of the three connections is not promised.
    expect(lines.slice(1).sort()).toEqual([
      `GET ${session}/websocket Nms (unfinished)`,
      'GET /s/websocket Nms (unfinished)',
      `POST ${session}/xhr_streaming Nms (unfinished)`,
    ]);
  });

  test('has unsupported content types at error', async () => {
    const { server, lines, untilLines } = await startLogged();
    await server.post('/s/0/0/xhr_send', '["a"]', { 'Content-Type': 'text/html' });
    await untilLines(3);
    expect(lines).toContainEqual(['error', 'Unsupported content-type text/html']);
    await server.post('/s/0/0/jsonp_send', '["a"]', { 'Content-Type': 'text/css' });
    await untilLines(5);
    expect(lines).toContainEqual(['error', 'Unsupported content-type text/css']);
  });

  test('is printed if the option is missing', async () => {
    const { child, client } = await serveFixture(ingress, 'logs.js');
    await client.get('/s/');
    await child.line(/^SockJS v\S+ bound to "\/s"$/);
    await child.line(/^GET \/s\/ \d+ms 200$/);
  });

  addition('is turned off by null (deviation 8)', async () => {
    const { child, client } = await serveFixture(ingress, 'logs.js', { LOG: 'null' });
    await client.get('/s/');
    await client.post('/s/0/0/xhr_send', '["a"]', { 'Content-Type': 'text/html' });
    await client.get('/s/');
    expect(child.lines).toEqual([`port ${client.address}`]);
    expect(child.errors).toBe('');
  });

  addition('options without effect cause a process warning, once for all services', async () => {
    const FAYE = JSON.stringify({
      ping: 9,
      retry: 1,
      extensions: [{ name: 'permessage-deflate' }],
    });
    const { child } = await serveFixture(ingress, 'logs.js', { LOG: 'null', FAYE });
    child.process.kill();
    await child.exit();
    expect(child.lines.filter((line) => !line.startsWith('port'))).toEqual([
      'Warning SOCKJS_NO_EFFECT sockjs-rs: faye_server_options.retry is not known to sockjs-rs and has no effect',
      'Warning SOCKJS_NO_EFFECT sockjs-rs: permessage-deflate is not available yet: websockets are not compressed',
    ]);
  });
});
