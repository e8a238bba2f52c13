'use strict';

const { expectCors, expectNoCors, expectNotCached, expectPreflight } = require('./support/headers');
const { ingresses } = require('./support/library');
const { startServer, startService } = require('./support/server');

describe.each(ingresses)('info, by the %s ingress', (ingress) => {
  test('tells what the server can do', async () => {
    const server = await startServer(ingress);
    const response = await server.get('/echo/info');
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('application/json; charset=UTF-8');
    expect(response.headers).not.toHaveProperty('set-cookie');
    expectNotCached(response);
    expectCors(response);
    expect(JSON.parse(response.body)).toEqual({
      websocket: true,
      origins: ['*:*'],
      cookie_needed: false,
      entropy: expect.any(Number),
    });
  });

  test('names its keys in the order of 0.3.24', async () => {
    const server = await startService(ingress, { base_url: 'http://other/s' });
    const { body } = await server.get('/s/info');
    const keys = ['websocket', 'origins', 'cookie_needed', 'entropy', 'base_url'];
    expect(Object.keys(JSON.parse(body))).toEqual(keys);
    expect(body).toMatch(
      /^\{"websocket":true,"origins":\["\*:\*"\],"cookie_needed":false,"entropy":\d+,/,
    );
  });

  test('has a new 32-bit number as entropy every time', async () => {
    const server = await startServer(ingress);
    const seen = new Set();
    for (let i = 0; i < 5; i++) {
      const { entropy } = JSON.parse((await server.get('/echo/info')).body);
      expect(Number.isInteger(entropy) && entropy >= 0 && entropy < 2 ** 32).toBe(true);
      seen.add(entropy);
    }
    expect(seen.size).toBe(5);
  });

  test('answers preflight requests of any origin', async () => {
    const server = await startServer(ingress);
    await expectPreflight(server, '/echo/info', 'OPTIONS, GET');
  });

  test('allows the requesting origin, with credentials', async () => {
    const server = await startServer(ingress);
    expectCors(await server.get('/echo/info', { Origin: 'http://a.test' }), 'http://a.test');
    expectCors(await server.get('/echo/info', { Origin: 'null' }), 'null');
  });

  test('other methods get 405 with the allowed ones in route order', async () => {
    const server = await startServer(ingress);
    for (const method of ['POST', 'HEAD', 'DELETE']) {
      const connection = server.connect();
      connection.send(method, '/echo/info');
      const response = await connection.response();
      expect(response.status).toBe(405);
      expect(response.headers.allow).toBe('OPTIONS, GET');
    }
  });

  test('says when websockets are disabled', async () => {
    const server = await startServer(ingress);
    const { body } = await server.get('/disabled_websocket_echo/info');
    expect(JSON.parse(body).websocket).toBe(false);
  });

  test('says when a cookie is needed', async () => {
    const server = await startServer(ingress);
    const { body } = await server.get('/cookie_needed_echo/info');
    expect(JSON.parse(body).cookie_needed).toBe(true);
  });

  test('shows the websocket option as it was given', async () => {
    const server = await startService(ingress, { websocket: 'yes' });
    expect(JSON.parse((await server.get('/s/info')).body).websocket).toBe('yes');
  });

  test('base_url can be a function, which is called for every answer', async () => {
    let calls = 0;
    const server = await startService(ingress, { base_url: () => `http://host-${++calls}` });
    expect(JSON.parse((await server.get('/s/info')).body).base_url).toBe('http://host-1');
    expect(JSON.parse((await server.get('/s/info')).body).base_url).toBe('http://host-2');
  });

  test('a base_url function is called only on the route of /info, in any form of its target', async () => {
    let calls = 0;
    const server = await startService(ingress, { base_url: () => `http://host-${++calls}` });
    expect((await server.get('/s/a/b/info')).status).toBe(404);
    expect(JSON.parse((await server.get('/s/info/?a#b')).body).base_url).toBe('http://host-1');
    expect(JSON.parse((await server.get('/s/info#b')).body).base_url).toBe('http://host-2');
  });

  test('disable_cors leaves out the origins and all CORS headers', async () => {
    const server = await startService(ingress, { disable_cors: true });
    const response = await server.get('/s/info', { Origin: 'http://a.test' });
    expectNoCors(response);
    expect(JSON.parse(response.body)).not.toHaveProperty('origins');
  });
});

describe.each(ingresses)('chunking test, by the %s ingress', (ingress) => {
  test('sends h, then 2 KiB of spaces and h, then further h', async () => {
    const server = await startServer(ingress);
    const response = await server.open('POST', '/echo/chunking_test');
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('application/javascript; charset=UTF-8');
    expectCors(response);
    expect(await response.line()).toBe('h\n');
    expect(await response.line()).toBe(`${' '.repeat(2048)}h\n`);
    for (let i = 0; i < 3; i++) expect(await response.line()).toBe('h\n');
    response.abort();
  });

  test('answers preflight requests', async () => {
    const server = await startServer(ingress);
    await expectPreflight(server, '/echo/chunking_test', 'OPTIONS, POST');
  });
});
