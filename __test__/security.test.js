'use strict';

/*
 * Claims of docs/security.md that no other suite tests.
 */

const { addition, ingresses } = require('./support/library');
const { startEcho, startService } = require('./support/server');
const { every, open } = require('./support/transports');

describe.each(ingresses)('a public service, by the %s ingress', (ingress) => {
  test.each(every)('counts a client of %s against maxConnections', async (_, transport) => {
    const server = await startEcho(ingress);
    const first = await open(server, transport);
    await server.accept();
    server.http.maxConnections = 1;
    const second = server.connect();
    await second.end();
    server.http.maxConnections = 2;
    expect((await server.get('/s/')).status).toBe(200);
    first.socket.destroy();
  });

  test('shows the application no cookie and no credentials', async () => {
    const server = await startEcho(ingress);
    const headers = { Cookie: 'login=secret', Authorization: 'Basic secret', 'X-Real-IP': '::1' };
    const session = server.session('/s');
    await server.request('POST', `${session}/xhr`, { headers });
    const { conn } = await server.accept();
    expect(conn.headers).toEqual({ host: 'localhost', 'x-real-ip': '::1' });
    // A header with an address is passed on, and does not change remoteAddress.
    expect(conn.remoteAddress).toBe('127.0.0.1');
  });

  test('returns any JSESSIONID that a client sends', async () => {
    const server = await startService(ingress, { jsessionid: true });
    const headers = { Cookie: 'JSESSIONID=anything; other=secret' };
    const { headers: answer } = await server.post(`${server.session('/s')}/xhr`, '', headers);
    expect(answer['set-cookie']).toBe('JSESSIONID=anything; path=/');
  });

  test('delivers messages of everyone who knows the session id, and answers 404 to others', async () => {
    const server = await startEcho(ingress);
    const session = server.session('/s');
    await server.post(`${session}/xhr`);
    const peer = await server.accept();
    const elsewhere = { Origin: 'http://elsewhere', 'Content-Type': 'text/plain' };
    expect((await server.post(`${session}/xhr_send`, '["hello"]', elsewhere)).status).toBe(204);
    await peer.until('data');
    const other = await server.post(`${server.session('/s')}/xhr_send`, '["hello"]', elsewhere);
    expect(other.status).toBe(404);
  });

  test('delivers no xhr_send to the session of a websocket', async () => {
    const server = await startEcho(ingress);
    const session = server.session('/s');
    await server.websocket(`${session}/websocket`);
    expect((await server.post(`${session}/xhr_send`, '["hello"]')).status).toBe(404);
    // A poll with the same session id opens a session of its own.
    expect((await server.post(`${session}/xhr`)).body).toBe('o\n');
  });

  addition('opens no session by a transport that it does not serve', async () => {
    const transports = ['websocket', 'xhr-streaming', 'xhr-polling'];
    const server = await startEcho(ingress, { transports });
    const session = server.session('/s');
    for (const path of ['jsonp?c=x', 'htmlfile?c=x', 'eventsource']) {
      expect((await server.get(`${session}/${path}`)).status).toBe(404);
    }
    expect((await server.get('/s/iframe.html')).status).toBe(200);
    expect((await server.post(`${session}/jsonp_send`, 'd=["x"]')).status).toBe(500);
    await expect(server.websocket('/s/websocket')).rejects.toThrow('refused: 404');
  });

  test('can be framed by every page, and answers jsonp only with plain callback names', async () => {
    const server = await startEcho(ingress);
    const iframe = await server.get('/s/iframe.html');
    expect(iframe.headers).not.toHaveProperty('x-frame-options');
    expect(iframe.headers).not.toHaveProperty('content-security-policy');
    const jsonp = await server.get(`${server.session('/s')}/jsonp?c=a.b-c_1`);
    expect(jsonp.headers['x-content-type-options']).toBe('nosniff');
    expect(jsonp.body).toMatch(/^\/\*\*\/a\.b-c_1\(/);
    for (const callback of ['a;b', '<script>', "a'", 'a%28%29', 'x'.repeat(33)]) {
      const target = `${server.session('/s')}/jsonp?c=${encodeURIComponent(callback)}`;
      expect((await server.get(target)).status).toBe(500);
    }
  });
});
