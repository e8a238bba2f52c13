'use strict';

const { ingresses } = require('./support/library');
const { startServer, startService } = require('./support/server');

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const PREFIX = '/cookie_needed_echo';

describe.each(ingresses)('JSESSIONID, by the %s ingress', (ingress) => {
  test.each([
    ['POST', 'xhr'],
    ['POST', 'xhr_streaming'],
    ['GET', 'eventsource'],
    ['GET', 'htmlfile?c=%63allback'],
    ['GET', 'jsonp?c=%63allback'],
    ['OPTIONS', 'xhr'],
    ['OPTIONS', 'xhr_send'],
    ['OPTIONS', 'xhr_streaming'],
  ])('%s …/%s sets the cookie, or returns that of the request', async (method, transport) => {
    const server = await startServer(ingress);
    const open = (headers) =>
      server.open(method, `${server.session(PREFIX)}/${transport}`, { headers });
    const dummy = await open();
    expect(dummy.headers['set-cookie']).toBe('JSESSIONID=dummy; path=/');
    const own = await open({ Cookie: 'a=b; JSESSIONID=abcdef ;c' });
    expect(own.headers['set-cookie']).toBe('JSESSIONID=abcdef; path=/');
  });

  test('xhr_send and jsonp_send set the cookie', async () => {
    const server = await startServer(ingress);
    const session = server.session(PREFIX);
    await server.post(`${session}/xhr`);
    const xhr = await server.post(`${session}/xhr_send`, '["x"]');
    expect(xhr.headers['set-cookie']).toBe('JSESSIONID=dummy; path=/');
    const jsonp = await server.post(`${session}/jsonp_send`, 'd=%5B%22x%22%5D', FORM);
    expect(jsonp.headers['set-cookie']).toBe('JSESSIONID=dummy; path=/');
  });

  test('GET /info does not set the cookie, OPTIONS /info does', async () => {
    const server = await startServer(ingress);
    const info = await server.get(`${PREFIX}/info`);
    expect(info.headers).not.toHaveProperty('set-cookie');
    expect(JSON.parse(info.body).cookie_needed).toBe(true);
    const options = await server.options(`${PREFIX}/info`);
    expect(options.headers['set-cookie']).toBe('JSESSIONID=dummy; path=/');
  });

  test('websockets do not set the cookie', async () => {
    const server = await startServer(ingress);
    for (const target of [`${server.session(PREFIX)}/websocket`, `${PREFIX}/websocket`]) {
      const ws = await server.websocket(target);
      expect(ws.response.headers).not.toHaveProperty('set-cookie');
    }
  });

  test.each([
    ['JSESSIONID=a=b', 'a'],
    ['JSESSIONID=', 'dummy'],
    ['JSESSIONID', 'dummy'],
    ['JSESSIONID="q"', '"q"'],
    ['JSESSIONID=a; JSESSIONID=b', 'b'],
    ['xJSESSIONID=a', 'dummy'],
  ])('"Cookie: %s" gives the value %s', async (cookie, value) => {
    const server = await startServer(ingress);
    const response = await server.post(`${server.session(PREFIX)}/xhr`, '', { Cookie: cookie });
    expect(response.headers['set-cookie']).toBe(`JSESSIONID=${value}; path=/`);
  });

  test('without the option there is no cookie', async () => {
    const server = await startServer(ingress);
    const response = await server.post(`${server.session('/echo')}/xhr`, '', {
      Cookie: 'JSESSIONID=a',
    });
    expect(response.headers).not.toHaveProperty('set-cookie');
  });

  test('a function can read the cookies and set headers of the answer', async () => {
    const seen = [];
    const server = await startService(ingress, {
      jsessionid(req, res) {
        seen.push([req.method, req.cookies.user]);
        res.setHeader('Set-Cookie', `node=1; for=${req.cookies.user}`);
      },
    });
    const session = server.session('/s');
    const polled = await server.post(`${session}/xhr`, '', { Cookie: 'user=jo; x=y' });
    expect(polled.body).toBe('o\n');
    expect(polled.headers['set-cookie']).toBe('node=1; for=jo');
    const sent = await server.post(`${session}/xhr_send`, '["a"]', { Cookie: 'user=al' });
    expect(sent.status).toBe(204);
    expect(sent.headers['set-cookie']).toBe('node=1; for=al');
    expect(seen).toEqual([
      ['POST', 'jo'],
      ['POST', 'al'],
    ]);
    expect(JSON.parse((await server.get('/s/info')).body).cookie_needed).toBe(true);
    const peer = await server.accept();
    expect(peer.messages).toEqual(['a']);
  });
});
