'use strict';

const crypto = require('crypto');
const { ingresses } = require('./support/library');
const { startServer } = require('./support/server');

describe.each(ingresses)('session URLs, by the %s ingress', (ingress) => {
  let server;
  beforeEach(async () => {
    server = await startServer(ingress);
  });

  test.each(['/a/a', '/_/_', '/1/1', '/abcdefgh_i-j%20/abcdefg_i-j%20', '/a/b%2Fc'])(
    'server and session can be any text: %s',
    async (session) => {
      const response = await server.post(`/echo${session}/xhr`);
      expect(response.status).toBe(200);
      expect(response.body).toBe('o\n');
    },
  );

  test('a final slash and a query change nothing', async () => {
    const session = server.session('/echo');
    expect((await server.post(`${session}/xhr/?t=1`)).body).toBe('o\n');
    expect((await server.post(`${session}/xhr_send/`, '["a"]')).status).toBe(204);
    expect((await server.post(`${session}/xhr?t=2`)).body).toBe('a["a"]\n');
  });

  test.each(['//', '/a./a', '/a/a.', '/./.', '/', '///', '/a', '/a/b/c', '//a', '/a/'])(
    'empty parts, parts with a dot and another number of parts get 404: %s',
    async (part) => {
      expect((await server.get(`/echo${part}/xhr`)).status).toBe(404);
      expect((await server.post(`/echo${part}/xhr`)).status).toBe(404);
    },
  );

  test('the server part does not identify a session', async () => {
    const id = crypto.randomUUID();
    expect((await server.post(`/echo/000/${id}/xhr`)).body).toBe('o\n');
    const sent = await server.post(`/echo/000/${id}/xhr_send`, '["a"]');
    expect(sent.status).toBe(204);
    expect(sent.body).toBe('');
    expect((await server.post(`/echo/999/${id}/xhr`)).body).toBe('a["a"]\n');
  });

  test.each([
    ['GET', 'xhr', 'POST, OPTIONS'],
    ['GET', 'xhr_send', 'POST, OPTIONS'],
    ['PUT', 'xhr_streaming', 'POST, OPTIONS'],
    ['POST', 'eventsource', 'GET'],
    ['POST', 'htmlfile', 'GET'],
    ['POST', 'jsonp', 'GET'],
    ['GET', 'jsonp_send', 'POST'],
    ['POST', 'websocket', 'GET'],
  ])('%s …/%s gets 405 and the allowed methods: %s', async (method, transport, allow) => {
    const response = await server.request(method, `/echo/a/b/${transport}`);
    expect(response.status).toBe(405);
    expect(response.headers.allow).toBe(allow);
    expect(response.headers).not.toHaveProperty('content-type');
    expect(response.body).toBe('');
  });
});
