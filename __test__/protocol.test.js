'use strict';

const { ingresses } = require('./support/library');
const { startServer } = require('./support/server');

describe.each(ingresses)('protocol and framing, by the %s ingress', (ingress) => {
  let server;
  beforeEach(async () => {
    server = await startServer(ingress);
  });

  test('a session opens with an o frame, takes messages by xhr_send and sends them in a frames', async () => {
    const session = server.session('/echo');
    const opened = await server.post(`${session}/xhr`);
    expect(opened.status).toBe(200);
    expect(opened.body).toBe('o\n');

    const sent = await server.post(`${session}/xhr_send`, '["a"]');
    expect(sent.status).toBe(204);
    expect(sent.body).toBe('');
    expect((await server.post(`${session}/xhr`)).body).toBe('a["a"]\n');
  });

  test('messages that wait for a poll are sent together, in order', async () => {
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    await server.post(`${session}/xhr_send`, '["a","b"]');
    await server.post(`${session}/xhr_send`, '["c"]');
    expect((await server.post(`${session}/xhr`)).body).toBe('a["a","b","c"]\n');
  });

  test('a poll waits for the next message', async () => {
    const session = server.session('/echo');
    const poll = await server.poll(`${session}/xhr`);
    await server.post(`${session}/xhr_send`, '["late"]');
    expect(await (await poll.response()).rest()).toBe('a["late"]\n');
  });

  test('a session that the application closes answers every poll with its c frame', async () => {
    const session = server.session('/close');
    expect((await server.post(`${session}/xhr`)).body).toBe('o\n');
    for (let i = 0; i < 3; i++) {
      const response = await server.post(`${session}/xhr`);
      expect(response.status).toBe(200);
      expect(response.body).toBe('c[3000,"Go away!"]\n');
    }
  });

  test('a second receiver is refused with 2010', async () => {
    const session = server.session('/echo');
    // A stream shows when it is attached; a waiting poll does not.
    const first = await server.open('POST', `${session}/xhr_streaming`);
    await first.until('o\n');
    const second = await server.post(`${session}/xhr`);
    expect(second.status).toBe(200);
    expect(second.body).toBe('c[2010,"Another connection still open"]\n');
    await server.post(`${session}/xhr_send`, '["to the first"]');
    expect(await first.until('"]\n')).toMatch(/a\["to the first"\]\n$/);
  });

  test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'xhr_send to the unknown session %sx gets 404',
    async (id) => {
      const response = await server.post(`/echo/000/${id}x/xhr_send`, '["a"]');
      expect(response.status).toBe(404);
      expect(response.body).toBe('404 Error: Page not found\n');
    },
  );

  test('/broadcast sends a message to all of its connections', async () => {
    const sockets = [];
    for (let i = 0; i < 3; i++) {
      sockets.push(await server.websocket(`${server.session('/broadcast')}/websocket`));
      expect(await sockets[i].message()).toBe('o');
    }
    sockets[1].send('["hello"]');
    for (const socket of sockets) expect(await socket.message()).toBe('a["hello"]');
  });

  test('/amplify answers n with 2 to the power of n characters', async () => {
    const ws = await server.websocket('/amplify/websocket');
    for (const power of [1, 7, 16, 18]) {
      ws.send(String(power));
      expect(await ws.message()).toHaveLength(2 ** power);
    }
  });

  test('/ticker sends "tick!"', async () => {
    const ws = await server.websocket(`${server.session('/ticker')}/websocket`);
    expect(await ws.message()).toBe('o');
    expect(await ws.message()).toBe('a["tick!"]');
  });
});
