'use strict';

const { ingresses } = require('./support/library');
const { startServer } = require('./support/server');

describe.each(ingresses)('greeting, by the %s ingress', (ingress) => {
  let server;
  beforeEach(async () => {
    server = await startServer(ingress);
  });

  test.each(['/echo', '/echo/', '/echo/?x'])('%s welcomes', async (target) => {
    const response = await server.get(target);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('text/plain; charset=UTF-8');
    expect(response.headers).not.toHaveProperty('set-cookie');
    expect(response.body).toBe('Welcome to SockJS!\n');
  });

  test.each(['/a', '/a.html', '//', '///', '/a/a', '/a/a/', '/a/', '/%', '/../echo'])(
    'anything else under the prefix is not found: %s',
    async (suffix) => {
      const response = await server.get(`/echo${suffix}`);
      expect(response.status).toBe(404);
      expect(response.headers['content-type']).toBe('text/plain; charset=UTF-8');
      expect(response.body).toBe('404 Error: Page not found\n');
    },
  );

  test.each(['POST', 'PUT', 'DELETE'])('%s is not allowed on the greeting', async (method) => {
    const response = await server.request(method, '/echo/');
    expect(response.status).toBe(405);
    expect(response.headers.allow).toBe('GET');
    expect(response.headers).not.toHaveProperty('content-type');
    expect(response.body).toBe('');
  });
});
