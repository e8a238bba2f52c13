'use strict';

/*
 * Counterparts of the official suite: pages, session URLs, cookies, HTTP itself.
 */

const {
  expectCachedForAYear,
  expectCors,
  expectNotCached,
  expectPreflight,
} = require('./support/headers');
const { official } = require('./support/official');

const WELCOME = 'Welcome to SockJS!\n';

official(
  'BaseUrlGreeting.test_greeting',
  'the base URL greets, with and without a slash',
  async (server) => {
    for (const target of ['/echo', '/echo/']) {
      const response = await server.get(target);
      expect(response.status).toBe(200);
      expect(response.headers['content-type']).toBe('text/plain; charset=UTF-8');
      expect(response.headers).not.toHaveProperty('set-cookie');
      expect(response.body).toBe(WELCOME);
    }
  },
);

official('BaseUrlGreeting.test_notFound', 'any other path gets 404', async (server) => {
  for (const suffix of ['/a', '/a.html', '//', '///', '/a/a', '/a/a/', '/a/']) {
    expect((await server.get(`/echo${suffix}`)).status).toBe(404);
  }
});

/** @param {{ status: number, headers: Record<string, string>, body: string }} response */
function expectIframe(response) {
  expect(response.status).toBe(200);
  expect(response.headers['content-type']).toBe('text/html; charset=UTF-8');
  expect(response.headers.etag).toMatch(/^"\w+"$/);
  expect(response.headers).not.toHaveProperty('set-cookie');
  expectCachedForAYear(response);
  const [, source] = /<script src="([^"]*)"><\/script>/.exec(response.body);
  expect(source).toMatch(/^(?:\/|http)/);
  expect(response.body).toContain(
    'document.domain = document.domain;\n    SockJS.bootstrap_iframe();',
  );
}

official('IframePage.test_simpleUrl', 'the iframe page is served', async (server) => {
  expectIframe(await server.get('/echo/iframe.html'));
});

official(
  'IframePage.test_versionedUrl',
  'the iframe page is served with a version in its name',
  async (server) => {
    for (const version of ['a', '', '0.1.2', '0.1.2abc-dirty.2144']) {
      expectIframe(await server.get(`/echo/iframe-${version}.html`));
    }
  },
);

official('IframePage.test_queriedUrl', 'the iframe page is served with a query', async (server) => {
  for (const name of [
    'a.html?t=1234',
    '0.1.2.html?t=123414',
    '0.1.2abc-dirty.2144.html?t=qwe123',
  ]) {
    expectIframe(await server.get(`/echo/iframe-${name}`));
  }
});

official('IframePage.test_invalidUrl', 'other names of the iframe page get 404', async (server) => {
  for (const name of [
    'iframe.htm',
    'iframe',
    'IFRAME.HTML',
    'IFRAME',
    'iframe.HTML',
    'iframe.xml',
    'iframe-/.html',
  ]) {
    expect((await server.get(`/echo/${name}`)).status).toBe(404);
  }
});

official('IframePage.test_cacheability', 'a client that has the page gets 304', async (server) => {
  const { etag } = (await server.get('/echo/iframe.html')).headers;
  expect((await server.get('/echo/iframe.html')).headers.etag).toBe(etag);
  const known = await server.get('/echo/iframe.html', { 'If-None-Match': etag });
  expect(known.status).toBe(304);
  expect(known.headers).not.toHaveProperty('content-type');
  expect(known.body).toBe('');
});

official('InfoTest.test_basic', '/info says what the service can do', async (server) => {
  const response = await server.get('/echo/info', { Origin: 'test' });
  expect(response.status).toBe(200);
  expect(response.headers['content-type']).toBe('application/json; charset=UTF-8');
  expect(response.headers).not.toHaveProperty('set-cookie');
  expectNotCached(response);
  expectCors(response, 'test');
  expect(JSON.parse(response.body)).toEqual({
    websocket: true,
    origins: ['*:*'],
    cookie_needed: false,
    entropy: expect.any(Number),
  });
});

official('InfoTest.test_entropy', 'the entropy of /info differs every time', async (server) => {
  const [one, another] = [await server.get('/echo/info'), await server.get('/echo/info')].map(
    ({ body }) => JSON.parse(body).entropy,
  );
  for (const entropy of [one, another]) expect(Number.isInteger(entropy)).toBe(true);
  expect(one).not.toBe(another);
});

official(
  'InfoTest.test_options',
  'the preflight of /info allows OPTIONS and GET',
  async (server) => {
    await expectPreflight(server, '/echo/info', 'OPTIONS, GET');
  },
);

official(
  'InfoTest.test_options_null_origin',
  'the origin null is returned unchanged',
  async (server) => {
    const response = await server.options('/echo/info', {
      Origin: 'null',
      'Access-Control-Request-Method': 'POST',
    });
    expect(response.status).toBe(204);
    expect(response.body).toBe('');
    expect(response.headers['access-control-allow-origin']).toBe('null');
  },
);

official(
  'InfoTest.test_disabled_websocket',
  '/info says that websockets are disabled',
  async (server) => {
    const response = await server.get('/disabled_websocket_echo/info');
    expect(response.status).toBe(200);
    expect(JSON.parse(response.body).websocket).toBe(false);
  },
);

official('SessionURLs.test_anyValue', 'server and session can be any text', async (server) => {
  for (const part of ['a/a', '_/_', '1/1', 'abcdefgh_i-j%20/abcdefg_i-j%20']) {
    const response = await server.post(`/echo/${part}/xhr`);
    expect(response.status).toBe(200);
    expect(response.body).toBe('o\n');
  }
});

official(
  'SessionURLs.test_invalidPaths',
  'an empty part or one with a dot gets 404',
  async (server) => {
    for (const part of ['//', '/a./a', '/a/a.', '/./.', '/', '///']) {
      expect((await server.get(`/echo${part}/xhr`)).status).toBe(404);
      expect((await server.post(`/echo${part}/xhr`)).status).toBe(404);
    }
  },
);

official(
  'SessionURLs.test_ignoringServerId',
  'the server part does not identify a session',
  async (server) => {
    expect((await server.post('/echo/000/one/xhr')).body).toBe('o\n');
    const sent = await server.post('/echo/000/one/xhr_send', '["a"]');
    expect([sent.status, sent.body]).toEqual([204, '']);
    expect((await server.post('/echo/999/one/xhr')).body).toBe('a["a"]\n');
  },
);

/** @param {{ headers: Record<string, string> }} response */
function expectCookie({ headers }, value = 'dummy') {
  expect(headers['set-cookie']).toBe(`JSESSIONID=${value}; path=/`);
}

official(
  'JsessionidCookie.test_basic',
  '/info says that a cookie is needed, and sets none',
  async (server) => {
    const response = await server.get('/cookie_needed_echo/info');
    expect(response.status).toBe(200);
    expect(response.headers).not.toHaveProperty('set-cookie');
    expect(JSON.parse(response.body).cookie_needed).toBe(true);
  },
);

official(
  'JsessionidCookie.test_xhr',
  'a poll sets the cookie, or returns that of the request',
  async (server) => {
    const fresh = await server.post(`${server.session('/cookie_needed_echo')}/xhr`);
    expect(fresh.body).toBe('o\n');
    expectCookie(fresh);
    const target = `${server.session('/cookie_needed_echo')}/xhr`;
    const known = await server.post(target, '', { Cookie: 'JSESSIONID=abcdef' });
    expect(known.body).toBe('o\n');
    expectCookie(known, 'abcdef');
  },
);

official('JsessionidCookie.test_xhr_streaming', 'xhr-streaming sets the cookie', async (server) => {
  expectCookie(await server.open('POST', `${server.session('/cookie_needed_echo')}/xhr_streaming`));
});

official('JsessionidCookie.test_eventsource', 'eventsource sets the cookie', async (server) => {
  expectCookie(await server.open('GET', `${server.session('/cookie_needed_echo')}/eventsource`));
});

official('JsessionidCookie.test_htmlfile', 'htmlfile sets the cookie', async (server) => {
  const target = `${server.session('/cookie_needed_echo')}/htmlfile?c=%63allback`;
  expectCookie(await server.open('GET', target));
});

official(
  'JsessionidCookie.test_jsonp',
  'polls and sends of jsonp set the cookie',
  async (server) => {
    const session = server.session('/cookie_needed_echo');
    const opened = await server.get(`${session}/jsonp?c=%63allback`);
    expect(opened.body).toBe('/**/callback("o");\r\n');
    expectCookie(opened);
    const sent = await server.post(`${session}/jsonp_send`, 'd=%5B%22x%22%5D', {
      'Content-Type': 'application/x-www-form-urlencoded',
    });
    expect([sent.status, sent.body]).toEqual([200, 'ok']);
    expectCookie(sent);
  },
);

official(
  'Http10.test_synchronous',
  'an answer over HTTP/1.0 is not chunked and ends its connection',
  async (server) => {
    const connection = server.connect();
    const response = await connection.request('GET', '/echo', {
      version: '1.0',
      headers: { Connection: 'Keep-Alive' },
    });
    expect(response.status).toBe(200);
    expect(response.headers).not.toHaveProperty('transfer-encoding');
    expect(response.headers.connection).toBe('close');
    expect(response.body).toBe(WELCOME);
    await connection.end();
  },
);

official('Http10.test_streaming', 'a stream over HTTP/1.0 ends its connection', async (server) => {
  const connection = server.connect();
  const stream = await connection.request('POST', `${server.session('/close')}/xhr_streaming`, {
    version: '1.0',
    headers: { Connection: 'Keep-Alive' },
  });
  expect(stream.status).toBe(200);
  expect(stream.headers).not.toHaveProperty('transfer-encoding');
  expect(stream.headers).not.toHaveProperty('content-length');
  expect(stream.body).toBe(`${'h'.repeat(2048)}\no\nc[3000,"Go away!"]\n`);
  await connection.end();
});

official('Http11.test_synchronous', 'a connection over HTTP/1.1 stays open', async (server) => {
  const connection = server.connect();
  for (let i = 0; i < 2; i++) {
    connection.send('GET', '/echo', { headers: { Connection: 'Keep-Alive' } });
    const response = await connection.response();
    expect(response.status).toBe(200);
    expect(response.headers.connection).toBe('keep-alive');
    expect(response.headers['transfer-encoding']).toBe('chunked');
    expect(response.headers).not.toHaveProperty('content-length');
    expect(await response.chunk()).toBe(WELCOME);
    expect(await response.chunk()).toBe('');
  }
});

official(
  'Http11.test_streaming',
  'a stream over HTTP/1.1 has a chunk for each frame',
  async (server) => {
    const stream = await server.open('POST', `${server.session('/close')}/xhr_streaming`, {
      headers: { Connection: 'Keep-Alive' },
    });
    expect(stream.status).toBe(200);
    expect(stream.headers['transfer-encoding']).toBe('chunked');
    expect(stream.headers).not.toHaveProperty('content-length');
    expect(await stream.chunk()).toBe(`${'h'.repeat(2048)}\n`);
    expect(await stream.chunk()).toBe('o\n');
    expect(await stream.chunk()).toBe('c[3000,"Go away!"]\n');
    expect(await stream.chunk()).toBe('');
  },
);
