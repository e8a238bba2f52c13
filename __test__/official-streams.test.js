'use strict';

/*
 * Counterparts of the official suite: streams, which it reads chunk by chunk, and how they close.
 */

const { expectCors, expectNotCached, expectPreflight } = require('./support/headers');
const { official } = require('./support/official');

const XHR_PRELUDE = `${'h'.repeat(2048)}\n`;
const OPEN_STILL = 'c[2010,"Another connection still open"]\n';
const GO_AWAY = 'c[3000,"Go away!"]\n';

const PAGE = `<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.callback;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>`;

/** How htmlfile writes a frame. */
const script = (frame) => `<script>\np(${JSON.stringify(frame)});\n</script>\r\n`;
/** How eventsource writes a frame. */
const event = (frame) => `data: ${frame}\r\n\r\n`;

/**
 * @param {import('./support/server').TestServer} server
 * @param {string} session
 * @param {string} body
 */
async function send(server, session, body) {
  const sent = await server.post(`${session}/xhr_send`, body);
  expect([sent.status, sent.body]).toEqual([204, '']);
}

/**
 * @param {import('./support/server').TestServer} server
 * @param {string} session
 * @param {string} [first] the frame after the prelude
 */
async function stream(server, session, first = 'o\n') {
  const response = await server.open('POST', `${session}/xhr_streaming`);
  expect(response.status).toBe(200);
  expect(await response.chunk()).toBe(XHR_PRELUDE);
  expect(await response.chunk()).toBe(first);
  return response;
}

official('XhrStreaming.test_options', 'the preflight allows OPTIONS and POST', async (server) => {
  await expectPreflight(server, '/echo/abc/abc/xhr_streaming', 'OPTIONS, POST');
});

official('XhrStreaming.test_transport', 'prelude and frames are chunks', async (server) => {
  const session = server.session('/echo');
  const response = await server.open('POST', `${session}/xhr_streaming`, {
    headers: { Origin: 'test' },
  });
  expect(response.status).toBe(200);
  expect(response.headers['content-type']).toBe('application/javascript; charset=UTF-8');
  expectCors(response, 'test');
  expectNotCached(response);
  expect(await response.chunk()).toBe(XHR_PRELUDE);
  expect(await response.chunk()).toBe('o\n');
  await send(server, session, '["x"]');
  expect(await response.chunk()).toBe('a["x"]\n');
});

official('XhrStreaming.test_response_limit', 'a stream ends after 4096 bytes', async (server) => {
  const session = server.session('/echo');
  const response = await stream(server, session);
  const message = `["${'x'.repeat(128)}"]`;
  for (let i = 0; i < 31; i++) {
    await send(server, session, message);
    expect(await response.chunk()).toBe(`a${message}\n`);
  }
  expect(await response.chunk()).toBe('');
});

official('EventSource.test_transport', 'prelude and events are chunks', async (server) => {
  const session = server.session('/echo');
  const response = await server.open('GET', `${session}/eventsource`);
  expect(response.status).toBe(200);
  expect(response.headers['content-type']).toBe('text/event-stream');
  expectNotCached(response);
  expect(await response.chunk()).toBe('\r\n');
  expect(await response.chunk()).toBe(event('o'));
  await send(server, session, '["x"]');
  expect(await response.chunk()).toBe(event('a["x"]'));
  const odd = String.raw`["  \u0000\n\r "]`;
  await send(server, session, odd);
  expect(await response.chunk()).toBe(event(`a${odd}`));
});

official('EventSource.test_response_limit', 'a stream ends after 4096 bytes', async (server) => {
  const session = server.session('/echo');
  const response = await server.open('GET', `${session}/eventsource`);
  expect(await response.chunk()).toBe('\r\n');
  expect(await response.chunk()).toBe(event('o'));
  const message = `["${'x'.repeat(4096)}"]`;
  await send(server, session, message);
  expect(await response.chunk()).toBe(event(`a${message}`));
  expect(await response.chunk()).toBe('');
});

official('HtmlFile.test_transport', 'page and scripts are chunks', async (server) => {
  const session = server.session('/echo');
  const response = await server.open('GET', `${session}/htmlfile?c=%63allback`);
  expect(response.status).toBe(200);
  expect(response.headers['content-type']).toBe('text/html; charset=UTF-8');
  expectNotCached(response);
  const page = await response.chunk();
  expect(page.trim()).toBe(PAGE);
  expect(page.length).toBeGreaterThan(1024);
  expect(await response.chunk()).toBe(script('o'));
  await send(server, session, '["x"]');
  expect(await response.chunk()).toBe(script('a["x"]'));
});

official('HtmlFile.test_no_callback', 'a stream without a callback gets 500', async (server) => {
  const { status, body } = await server.get('/echo/a/a/htmlfile');
  expect([status, body]).toEqual([500, '"callback" parameter required']);
});

official(
  'HtmlFile.test_invalid_callback',
  'a stream with an invalid callback gets 500',
  async (server) => {
    for (const callback of ['%20', '*', 'abc(', 'abc%28']) {
      const { status, body } = await server.get(`/echo/a/a/htmlfile?c=${callback}`);
      expect([status, body]).toEqual([500, 'invalid "callback" parameter']);
    }
  },
);

official('HtmlFile.test_response_limit', 'a stream ends after 4096 bytes', async (server) => {
  const session = server.session('/echo');
  const response = await server.open('GET', `${session}/htmlfile?c=callback`);
  expect((await response.chunk()).trim()).toBe(PAGE);
  expect(await response.chunk()).toBe(script('o'));
  const message = `["${'x'.repeat(4096)}"]`;
  await send(server, session, message);
  expect(await response.chunk()).toBe(script(`a${message}`));
  expect(await response.chunk()).toBe('');
});

official(
  'HandlingClose.test_close_frame',
  'a second stream gets the close frame again',
  async (server) => {
    const session = server.session('/close');
    const first = await stream(server, session);
    expect(await first.chunk()).toBe(GO_AWAY);
    const second = await stream(server, session, GO_AWAY);
    for (const response of [first, second]) expect(await response.chunk()).toBe('');
  },
);

official('HandlingClose.test_close_request', 'a second receiver gets 2010', async (server) => {
  const session = server.session('/echo');
  await stream(server, session);
  const second = await stream(server, session, OPEN_STILL);
  expect(await second.chunk()).toBe('');
});

official(
  'HandlingClose.test_abort_xhr_streaming',
  'an aborted stream ends its session',
  async (server) => {
    const session = server.session('/echo');
    const first = await stream(server, session);
    const second = await stream(server, session, OPEN_STILL);
    expect(await second.chunk()).toBe('');
    first.abort();
    await stream(server, session, 'o\n');
  },
);

official(
  'HandlingClose.test_abort_xhr_polling',
  'an aborted poll ends its session',
  async (server) => {
    const session = server.session('/echo');
    expect((await server.post(`${session}/xhr`)).body).toBe('o\n');
    // It is unknown which poll comes first; the other one is refused.
    const polls = [server.connect(), server.connect()];
    for (const poll of polls) poll.send('POST', `${session}/xhr`);
    const answers = polls.map(async (poll) => ({ poll, response: await poll.response() }));
    const refused = await Promise.race(answers);
    expect(await refused.response.rest()).toBe(OPEN_STILL);
    Promise.all(answers).catch(() => {});
    for (const poll of polls) if (poll !== refused.poll) poll.abort();
    const third = await server.post(`${session}/xhr`);
    expect(third.body).toBe('o\n');
  },
);
