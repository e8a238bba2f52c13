'use strict';

/*
 * Header names have the case in which 0.3.24 writes them, for programs that compare bytes, such as old load balancers
 * and checks of their configuration.
 */

const { ingresses } = require('./support/library');
const { startServer } = require('./support/server');

const CORS = 'Access-Control-Allow-Credentials Access-Control-Allow-Origin Vary';
const PREFLIGHT = `${CORS} Access-Control-Allow-Methods Access-Control-Max-Age Cache-Control Expires`;
/** What Node adds to an answer: with chunks, with Content-Length, without a body. */
const CHUNKED = 'Connection Date Keep-Alive Transfer-Encoding';
const COUNTED = 'Connection Content-Length Date Keep-Alive';
const EMPTY = 'Connection Date Keep-Alive';
const RECEIVER = `${CHUNKED} ${CORS} Cache-Control Content-Type`;

const UPGRADE = { Connection: 'Upgrade', Upgrade: 'websocket' };
const ORIGIN = { Origin: 'http://x' };
const HANDSHAKE = { ...UPGRADE, 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };

/** @type {[string, string, Record<string, string>, string][]} method, target, headers; names of the answer */
const ANSWERS = [
  ['GET', '/echo/', {}, `${CHUNKED} Content-Type`],
  ['GET', '/echo/nothing', {}, `${CHUNKED} Content-Type`],
  ['GET', '/echo/iframe.html', {}, `${COUNTED} Cache-Control Content-Type ETag Expires`],
  ['GET', '/echo/info', ORIGIN, `${CHUNKED} ${CORS} Cache-Control Content-Type`],
  ['OPTIONS', '/echo/info', ORIGIN, `${EMPTY} ${PREFLIGHT}`],
  ['POST', '/echo/chunking_test', ORIGIN, `${CHUNKED} ${CORS} Content-Type`],
  ['POST', '/cookie_needed_echo/0/0/xhr', ORIGIN, `${RECEIVER} Set-Cookie`],
  ['POST', '/echo/0/s/xhr_streaming', ORIGIN, RECEIVER],
  ['GET', '/echo/0/e/eventsource', ORIGIN, RECEIVER],
  ['GET', '/echo/0/h/htmlfile?c=x', {}, `${CHUNKED} Cache-Control Content-Type`],
  [
    'GET',
    '/echo/0/j/jsonp?c=x',
    {},
    `${CHUNKED} Cache-Control Content-Type X-Content-Type-Options`,
  ],
  ['GET', '/echo/0/j/jsonp', {}, `${CHUNKED} Cache-Control`],
  ['GET', '/echo/0/x/xhr', {}, `${CHUNKED} Allow`],
  ['GET', '/echo/0/w/websocket', {}, CHUNKED],
  [
    'GET',
    '/echo/0/w/websocket',
    { ...HANDSHAKE, 'Sec-WebSocket-Version': '13' },
    'Connection Sec-WebSocket-Accept Upgrade',
  ],
  [
    'GET',
    '/echo/0/w/websocket',
    { ...HANDSHAKE, 'Sec-WebSocket-Version': '7' },
    'Content-Length Content-Type',
  ],
  ['GET', '/echo/websocket', UPGRADE, 'Connection'],
];

describe.each(ingresses)('header names, by the %s ingress', (ingress) => {
  test.each(ANSWERS)('of %s %s %j are as in 0.3.24', async (method, target, headers, names) => {
    const server = await startServer(ingress);
    const connection = server.connect();
    connection.send(method, target, { headers });
    const { rawNames } = await connection.response();
    expect(rawNames.map((name) => canonical(name, ingress)).sort()).toEqual(
      names.split(' ').sort(),
    );
  });

  test('of an xhr_send answer are as in 0.3.24', async () => {
    const server = await startServer(ingress);
    const session = server.session('/cookie_needed_echo');
    await server.post(`${session}/xhr`);
    const sent = await server.post(`${session}/xhr_send`, '["a"]', ORIGIN);
    expect(sent.rawNames.sort()).toEqual(
      `${EMPTY} ${CORS} Cache-Control Content-Type Set-Cookie`.split(' ').sort(),
    );
  });

  test('of a 304 for the iframe page begin with capitals', async () => {
    const server = await startServer(ingress);
    const page = await server.get('/echo/iframe.html');
    const known = await server.get('/echo/iframe.html', { 'If-None-Match': page.headers.etag });
    expect(known.status).toBe(304);
    for (const name of known.rawNames) expect(name).toMatch(/^[A-Z][a-z]*(?:-[A-Z][a-z]*)*$/);
  });
});

/**
 * @param {string} name
 * @param {string} ingress
 * @returns {string} the expected name for two that differ: webjs in 0.3.24 writes `content-type` in its own answers,
 *   and hyper writes `Etag`
 */
function canonical(name, ingress) {
  if (ingress === 'oracle' && name === 'content-type') return 'Content-Type';
  if (ingress === 'takeover' && name === 'Etag') return 'ETag';
  return name;
}
