'use strict';

const { expectNoCors, expectNotCached } = require('./support/headers');
const { deviation, ingresses } = require('./support/library');
const { startEcho, startServer, startService } = require('./support/server');

/** @param {string} callback */
const head = (callback) => `<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.${callback};
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>`;

const END = '</script>\r\n';

/** @param {string} frame */
const script = (frame) => `<script>\np(${JSON.stringify(frame)});\n${END}`;

describe.each(ingresses)('htmlfile, by the %s ingress', (ingress) => {
  test('streams a padded page, then frames as scripts', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    const stream = await server.open('GET', `${session}/htmlfile?c=%63allback`);
    expect(stream.status).toBe(200);
    expect(stream.headers['content-type']).toBe('text/html; charset=UTF-8');
    expectNotCached(stream);
    expectNoCors(stream);

    const prelude = await stream.until('\r\n\r\n');
    expect(prelude.trimEnd()).toBe(head('callback'));
    // Padded past the 1 KiB that old browsers wait for.
    expect(prelude).toHaveLength(1027 + 'callback'.length);
    expect(prelude).toMatch(/ {100}\r\n\r\n$/);
    expect(await stream.until(END)).toBe(script('o'));

    await server.post(`${session}/xhr_send`, '["x"]');
    expect(await stream.until(END)).toBe(script('a["x"]'));
  });

  test('the parameter can also be called callback, and c takes precedence', async () => {
    const server = await startServer(ingress);
    const open = (query) => server.open('GET', `${server.session('/echo')}/htmlfile?${query}`);
    expect(await (await open('callback=a.b-c_D9')).until(END)).toContain('parent.a.b-c_D9;');
    expect(await (await open('callback=x&c=y')).until(END)).toContain('parent.y;');
    expect(await (await open(`c=${'z'.repeat(100)}`)).until(END)).toContain(`${'z'.repeat(100)};`);
  });

  test('the callback is required', async () => {
    const server = await startServer(ingress);
    for (const query of ['', '?', '?x=c']) {
      const response = await server.get(`/echo/a/a/htmlfile${query}`);
      expect(response.status).toBe(500);
      expect(response.body).toBe('"callback" parameter required');
    }
  });

  test.each(['%20', 'a(b', '*/', '%C3%A9', 'a%00', '<script>', 'a;', 'a%0a', '%E2%80%A8', 'a&c=b'])(
    'the callback %s is invalid',
    async (callback) => {
      const server = await startServer(ingress);
      const response = await server.get(`/echo/a/a/htmlfile?c=${callback}`);
      expect(response.status).toBe(500);
      expect(response.body).toBe('invalid "callback" parameter');
      expectNotCached(response);
    },
  );

  test('a stream ends when response_limit is reached', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    const stream = await server.open('GET', `${session}/htmlfile?c=callback`);
    await stream.until(END);
    const message = 'x'.repeat(4096);
    await server.post(`${session}/xhr_send`, `["${message}"]`);
    expect(await stream.rest()).toBe(script(`a["${message}"]`));
  });

  deviation(7, 'a message cannot end its script element', async () => {
    const server = await startEcho(ingress);
    const session = server.session('/s');
    const stream = await server.open('GET', `${session}/htmlfile?c=callback`);
    await stream.until('p("o");\n</script>\r\n');
    await server.post(`${session}/xhr_send`, '["</script><!--</SCRIPT>"]');
    expect(await stream.until(END)).toBe(
      `<script>\np("a[\\"<\\/script><\\!--<\\/SCRIPT>\\"]");\n${END}`,
    );
  });

  deviation(7, 'response_limit counts the escaped text', async () => {
    const written = '<script>\np("a[\\"<\\/\\"]");\n</script>\r\n';
    const server = await startService(ingress, {
      response_limit: script('o').length + written.length,
    });
    const session = server.session('/s');
    const stream = await server.open('GET', `${session}/htmlfile?c=callback`);
    await stream.until('p("o");\n</script>\r\n');
    const { conn } = await server.accept();
    conn.write('</');
    expect(await stream.rest()).toBe(written);
  });
});
