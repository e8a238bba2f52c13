'use strict';

const { ingresses } = require('./support/library');
const { startServer } = require('./support/server');

describe.each(ingresses)('greeting, by the %s ingress', (ingress) => {
  let server;
  beforeEach(async () => {
    server = await startServer(ingress);
  });

  test.each(['/echo', '/echo/', '/echo/?x'])('GET %s answers with the greeting', async (target) => {
    const response = await server.get(target);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('text/plain; charset=UTF-8');
    expect(response.headers).not.toHaveProperty('set-cookie');
    expect(response.body).toBe('Welcome to SockJS!\n');
  });

  test.each(['/a', '/a.html', '//', '///', '/a/a', '/a/a/', '/a/', '/%', '/../echo'])(
    'any other path under the prefix gets 404: %s',
    async (suffix) => {
      const response = await server.get(`/echo${suffix}`);
      expect(response.status).toBe(404);
      expect(response.headers['content-type']).toBe('text/plain; charset=UTF-8');
      expect(response.body).toBe('404 Error: Page not found\n');
    },
  );

  test.each(['POST', 'PUT', 'DELETE'])('%s gets 405 at the base URL', async (method) => {
    const response = await server.request(method, '/echo/');
    expect(response.status).toBe(405);
    expect(response.headers.allow).toBe('GET');
    expect(response.headers).not.toHaveProperty('content-type');
    expect(response.body).toBe('');
  });
});
