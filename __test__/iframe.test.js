'use strict';

const crypto = require('crypto');
const { expectCachedForAYear } = require('./support/headers');
const { ingresses } = require('./support/library');
const { startServer, startService } = require('./support/server');

/** @param {string} url of the client library */
const page = (url) => `<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="${url}"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>`;

const DEFAULT_URL = 'https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js';

describe.each(ingresses)('iframe page, by the %s ingress', (ingress) => {
  test.each([
    '/iframe.html',
    '/iframe-a.html',
    '/iframe-.html',
    '/iframe-0.1.2.html',
    '/iframe-0.1.2abc-dirty.2144.html',
    '/iframe-a.html?t=1234',
    '/iframe-0.1.2abc-dirty.2144.html?t=qweqweq123',
    '/iframe.html/',
    '/iframe-xhtml',
  ])('is served, cacheable, at %s', async (suffix) => {
    const server = await startServer(ingress);
    const response = await server.get(`/echo${suffix}`);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('text/html; charset=UTF-8');
    expect(response.headers['content-length']).toBe(String(page(DEFAULT_URL).length));
    expect(response.headers).not.toHaveProperty('set-cookie');
    expectCachedForAYear(response);
    expect(response.body).toBe(page(DEFAULT_URL));
  });

  test.each([
    '/iframe.htm',
    '/iframe',
    '/IFRAME.HTML',
    '/IFRAME',
    '/iframe.HTML',
    '/iframe.xml',
    '/iframe-/.html',
  ])('is not found at %s', async (suffix) => {
    const server = await startServer(ingress);
    expect((await server.get(`/echo${suffix}`)).status).toBe(404);
  });

  test('its ETag is the MD5 of the page, and a request that has it gets 304', async () => {
    const server = await startServer(ingress);
    const { headers } = await server.get('/echo/iframe.html');
    const md5 = crypto.createHash('md5').update(page(DEFAULT_URL)).digest('hex');
    expect(headers.etag).toBe(`"${md5}"`);

    const cached = await server.get('/echo/iframe.html', { 'If-None-Match': headers.etag });
    expect(cached.status).toBe(304);
    expect(cached.headers).not.toHaveProperty('content-type');
    expect(cached.body).toBe('');
    const stale = await server.get('/echo/iframe.html', { 'If-None-Match': '"other"' });
    expect(stale.status).toBe(200);
  });

  test('loads the client library from sockjs_url', async () => {
    const server = await startService(ingress, { sockjs_url: '/lib/sockjs.js' });
    expect((await server.get('/s/iframe.html')).body).toBe(page('/lib/sockjs.js'));
  });
});
