'use strict';

/*
 * Counterparts of the official suite: sessions and framing, xhr-polling, jsonp-polling, JSON.
 */

const { expectCors, expectNotCached, expectPreflight } = require('./support/headers');
const { official } = require('./support/official');

const OPEN_STILL = 'c[2010,"Another connection still open"]\n';
const GO_AWAY = 'c[3000,"Go away!"]\n';
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

official(
  'Protocol.test_simpleSession',
  'a session opens, echoes, and has one receiver',
  async (server) => {
    const session = server.session('/echo');
    expect((await server.post(`${session}/xhr`)).body).toBe('o\n');
    const sent = await server.post(`${session}/xhr_send`, '["a"]');
    expect([sent.status, sent.body]).toEqual([204, '']);
    expect((await server.post(`${session}/xhr`)).body).toBe('a["a"]\n');
    expect((await server.post('/echo/000/bad_session/xhr_send', '["a"]')).status).toBe(404);
    // A stream shows when it is attached, a waiting poll does not.
    const first = await server.open('POST', `${session}/xhr_streaming`);
    await first.chunk();
    const second = await server.post(`${session}/xhr`);
    expect([second.status, second.body]).toEqual([200, OPEN_STILL]);
  },
);

official(
  'Protocol.test_closeSession',
  'a closed session repeats its close frame',
  async (server) => {
    const session = server.session('/close');
    for (const frame of ['o\n', GO_AWAY, GO_AWAY]) {
      const { status, body } = await server.post(`${session}/xhr`);
      expect([status, body]).toEqual([200, frame]);
    }
  },
);

official('XhrPolling.test_options', 'preflights allow OPTIONS and POST', async (server) => {
  for (const path of ['xhr', 'xhr_send']) {
    await expectPreflight(server, `/echo/abc/abc/${path}`, 'OPTIONS, POST');
  }
});

official(
  'XhrPolling.test_transport',
  'a message is echoed, with the required headers',
  async (server) => {
    const session = server.session('/echo');
    const opened = await server.post(`${session}/xhr`, '', { Origin: 'test' });
    expect([opened.status, opened.body]).toEqual([200, 'o\n']);
    expect(opened.headers['content-type']).toBe('application/javascript; charset=UTF-8');
    const sent = await server.post(`${session}/xhr_send`, '["x"]', { Origin: 'test' });
    expect([sent.status, sent.body]).toEqual([204, '']);
    expect(sent.headers['content-type']).toBe('text/plain; charset=UTF-8');
    for (const response of [opened, sent]) {
      expectCors(response, 'test');
      expectNotCached(response);
    }
    expect((await server.post(`${session}/xhr`)).body).toBe('a["x"]\n');
  },
);

official(
  'XhrPolling.test_invalid_session',
  'a message for an unknown session gets 404',
  async (server) => {
    expect((await server.post(`${server.session('/echo')}/xhr_send`, '["x"]')).status).toBe(404);
  },
);

official(
  'XhrPolling.test_invalid_json',
  'invalid JSON gets 500, and the session lives',
  async (server) => {
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    const broken = await server.post(`${session}/xhr_send`, '["x');
    expect([broken.status, broken.body]).toEqual([500, 'Broken JSON encoding.']);
    const empty = await server.post(`${session}/xhr_send`, '');
    expect([empty.status, empty.body]).toEqual([500, 'Payload expected.']);
    const good = await server.post(`${session}/xhr_send`, '["a"]');
    expect([good.status, good.body]).toEqual([204, '']);
    expect((await server.post(`${session}/xhr`)).body).toBe('a["a"]\n');
  },
);

official(
  'XhrPolling.test_content_types',
  'a message can have any of eight types',
  async (server) => {
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    const types = ['text/plain', 'T', 'application/json', 'application/xml', ''].concat(
      'application/json; charset=utf-8',
      'text/xml; charset=utf-8',
      'text/xml',
    );
    for (const type of types) {
      const sent = await server.post(`${session}/xhr_send`, '["a"]', { 'Content-Type': type });
      expect([sent.status, sent.body]).toEqual([204, '']);
    }
    const all = `a[${types.map(() => '"a"').join(',')}]\n`;
    expect((await server.post(`${session}/xhr`)).body).toBe(all);
  },
);

official(
  'XhrPolling.test_request_headers_cors',
  'the requested headers are allowed',
  async (server) => {
    for (const [asked, allowed] of [
      ['a, b, c', 'a, b, c'],
      ['', undefined],
      [undefined, undefined],
    ]) {
      const response = await server.options(`${server.session('/echo')}/xhr`, {
        Origin: 'test',
        'Access-Control-Request-Method': 'POST',
        ...(asked !== undefined && { 'Access-Control-Request-Headers': asked }),
      });
      expect(response.status).toBe(204);
      expectCors(response, 'test');
      expect(response.headers['access-control-allow-headers']).toBe(allowed);
    }
  },
);

official('XhrPolling.test_sending_empty_frame', 'an empty array sends nothing', async (server) => {
  const session = server.session('/echo');
  await server.post(`${session}/xhr`);
  for (const body of ['[]', '["a"]']) {
    expect((await server.post(`${session}/xhr_send`, body)).status).toBe(204);
  }
  expect((await server.post(`${session}/xhr`)).body).toBe('a["a"]\n');
});

official(
  'JsonPolling.test_transport',
  'a jsonp poll gets an echoed message as a call of its callback',
  async (server) => {
    const session = server.session('/echo');
    const opened = await server.get(`${session}/jsonp?c=%63allback`);
    expect([opened.status, opened.body]).toEqual([200, '/**/callback("o");\r\n']);
    expect(opened.headers['content-type']).toBe('application/javascript; charset=UTF-8');
    const sent = await server.post(`${session}/jsonp_send`, 'd=%5B%22x%22%5D', FORM);
    expect([sent.status, sent.body]).toEqual([200, 'ok']);
    expect(sent.headers['content-type']).toBe('text/plain; charset=UTF-8');
    for (const response of [opened, sent]) expectNotCached(response);
    const answer = await server.get(`${session}/jsonp?c=%63allback`);
    expect(answer.body).toBe('/**/callback("a[\\"x\\"]");\r\n');
  },
);

official('JsonPolling.test_no_callback', 'a poll without a callback gets 500', async (server) => {
  const { status, body } = await server.get('/echo/a/a/jsonp');
  expect([status, body]).toEqual([500, '"callback" parameter required']);
});

official(
  'JsonPolling.test_invalid_callback',
  'a poll with an invalid callback gets 500',
  async (server) => {
    for (const callback of ['%20', '*', 'abc(', 'abc%28']) {
      const { status, body } = await server.get(`/echo/a/a/jsonp?c=${callback}`);
      expect([status, body]).toEqual([500, 'invalid "callback" parameter']);
    }
  },
);

official(
  'JsonPolling.test_invalid_json',
  'invalid JSON gets 500, and the session lives',
  async (server) => {
    const session = server.session('/echo');
    await server.get(`${session}/jsonp?c=x`);
    const send = async (body) => {
      const response = await server.post(`${session}/jsonp_send`, body, FORM);
      return [response.status, response.body];
    };
    expect(await send('d=%5B%22x')).toEqual([500, 'Broken JSON encoding.']);
    for (const body of ['', 'd=', 'p=p']) {
      expect(await send(body)).toEqual([500, 'Payload expected.']);
    }
    expect(await send('d=%5B%22b%22%5D')).toEqual([200, 'ok']);
    expect((await server.get(`${session}/jsonp?c=x`)).body).toBe('/**/x("a[\\"b\\"]");\r\n');
  },
);

official(
  'JsonPolling.test_content_types',
  'a message can be a form or plain text',
  async (server) => {
    const session = server.session('/echo');
    await server.get(`${session}/jsonp?c=x`);
    const plain = { 'Content-Type': 'text/plain' };
    expect((await server.post(`${session}/jsonp_send`, 'd=%5B%22abc%22%5D', FORM)).body).toBe('ok');
    expect((await server.post(`${session}/jsonp_send`, '["%61bc"]', plain)).body).toBe('ok');
    const { body } = await server.get(`${session}/jsonp?c=x`);
    expect(body).toBe('/**/x("a[\\"abc\\",\\"%61bc\\"]");\r\n');
  },
);

official('JsonPolling.test_close', 'a closed session repeats its close frame', async (server) => {
  const session = server.session('/close');
  const goAway = '/**/x("c[3000,\\"Go away!\\"]");\r\n';
  for (const frame of ['/**/x("o");\r\n', goAway, goAway]) {
    expect((await server.get(`${session}/jsonp?c=x`)).body).toBe(frame);
  }
});

official('JsonPolling.test_sending_empty_frame', 'an empty array sends nothing', async (server) => {
  const session = server.session('/echo');
  await server.get(`${session}/jsonp?c=x`);
  for (const body of ['d=%5B%5D', 'd=%5B%22x%22%5D']) {
    expect((await server.post(`${session}/jsonp_send`, body, FORM)).body).toBe('ok');
  }
  expect((await server.get(`${session}/jsonp?c=x`)).body).toBe('/**/x("a[\\"x\\"]");\r\n');
});

/**
 * @param {import('./support/server').TestServer} server
 * @param {string} json the text of one message
 * @returns {Promise<string>} the text of its echo
 */
async function echoed(server, json) {
  const session = server.session('/echo');
  expect((await server.post(`${session}/xhr`)).body).toBe('o\n');
  expect((await server.post(`${session}/xhr_send`, `[${json}]`)).status).toBe(204);
  const [, echo] = /^a\[([^]*)\]\n$/.exec((await server.post(`${session}/xhr`)).body);
  return echo;
}

/** @param {[number, number][]} ranges of code units */
const units = (...ranges) =>
  ranges.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => String.fromCharCode(first + i)),
  );

/** @param {string[]} all */
const escaped = (all) =>
  `"${all.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;

official(
  'JSONEncoding.test_xhr_server_encodes',
  'characters that browsers mangle are sent escaped',
  async (server) => {
    const killers = units([0x200c, 0x200f], [0x2028, 0x202f], [0x2060, 0x206f], [0xfff0, 0xffff]);
    expect(await echoed(server, `"${killers.join('')}"`)).toBe(escaped(killers));
  },
);

official('JSONEncoding.test_xhr_server_decodes', 'escaped characters arrive', async (server) => {
  const killers = units([0, 0x1f], [0x7f, 0x9f], [0x300, 0x333], [0x600, 0x604], [0x2000, 0x20ff]);
  killers.push(
    ...units([0x22, 0x22], [0x5c, 0x5c], [0xfa10, 0xfa30], [0xfeff, 0xfeff], [0xfff0, 0xffff]),
  );
  expect(JSON.parse(await echoed(server, escaped(killers)))).toBe(killers.join(''));
});
