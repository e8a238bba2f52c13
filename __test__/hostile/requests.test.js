'use strict';

/**
 * Requests that two servers could understand differently (request smuggling). Node is the reference: a
 * connection that Rust has must get the same answers as one that never left Node, and no request that is
 * hidden in a body or a header may be executed.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');

const { INGRESSES, connect, replaceable, runAttack, used } = require('./attack');

/** A request that must not be executed. */
const HIDDEN = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n';
const BODY = '["a"]';

/** A POST to `xhr_send` with header lines, and bytes after its head. */
const send = (lines, rest = '') =>
  `POST $S/xhr_send HTTP/1.1\r\nHost: localhost\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${rest}`;
const chunked = (rest) => send(['Transfer-Encoding: chunked'], rest);
const get = (target, lines = []) =>
  `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

/** Ambiguous or invalid lengths. Each must be refused. */
const LENGTHS = [
  ['two different lengths', ['Content-Length: 5', `Content-Length: ${5 + HIDDEN.length}`]],
  ['two different lengths, the longer first', ['Content-Length: 50', 'Content-Length: 5']],
  ['the same length twice', ['Content-Length: 5', 'Content-Length: 5']],
  ['lengths of different case', ['Content-Length: 5', 'content-length: 6']],
  ...[
    ...[
      '5, 5',
      '5,6',
      '+5',
      '-5',
      '-0',
      '0x5',
      '5 5',
      '5;',
      '5.0',
      '5e0',
      '\xd9\xa5',
      '""',
      '"5"',
      '05x',
    ],
    ...['18446744073709551616', '18446744073709551621', '99999999999999999999999999', 'NaN', '5\0'],
  ].map((length) => [`the length ${JSON.stringify(length)}`, [`Content-Length: ${length}`]]),
  ['a length and chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
  ['chunks and a length', ['Transfer-Encoding: chunked', 'Content-Length: 5']],
  ['a length and an unknown coding', ['Content-Length: 5', 'Transfer-Encoding: xchunked']],
  ['a coding after chunked', ['Transfer-Encoding: chunked, identity']],
  ['a space before the colon', ['Transfer-Encoding : chunked']],
  ['a space before the colon of a length', ['Content-Length : 5']],
  ['a tab before the colon', ['Content-Length\t: 5']],
  ['a NUL in a name', ['Content-\0Length: 5']],
  ['a line without a colon', ['Content-Length 5']],
  ['a line without a name', [': 5', 'Content-Length: 5']],
  ['a carriage return inside a header', ['X: a\rContent-Length: 50', 'Content-Length: 5']],
].map(([title, lines]) => [title, send(lines, BODY + HIDDEN), 400]);

/** Invalid chunk sizes. Each must be refused. */
const CHUNKS = [
  ...[
    '0x5',
    '-5',
    '+5',
    'g',
    '',
    ' 5',
    '5 5',
    '5\0',
    '\xd9\xa5',
    '5_',
    '0000000000000000000000005g',
  ],
  ...['fffffffffffffffff', '10000000000000005', '80000000000000000', `${'f'.repeat(400)}`],
].map((size) => [
  `a chunk of size ${JSON.stringify(size.slice(0, 40))}`,
  chunked(`${size}\r\n${BODY}\r\n0\r\n\r\n${HIDDEN}`),
  400,
]);

/** Other requests. Only the equality of the answers is checked, and the first status if it is given. */
const OTHERS = [
  ['a length with spaces around', send(['Content-Length:  5  '], BODY), 204],
  ['a length with leading zeros', send(['Content-Length: 0000000000000000000005'], BODY)],
  ['an empty length', send(['Content-Length:'], HIDDEN)],
  ['a list with an empty member', send(['Content-Length: 5,'], BODY)],
  ['identity coding', send(['Content-Length: 5', 'Transfer-Encoding: identity'], BODY)],
  ['another coding', send(['Transfer-Encoding: gzip, chunked'], `5\r\n${BODY}\r\n0\r\n\r\n`)],
  ['two codings', send(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '0\r\n\r\n')],
  ['a coding in capitals', send(['TRANSFER-ENCODING: CHUNKED'], `5\r\n${BODY}\r\n0\r\n\r\n`)],
  ['a coding with a vertical tab', send(['Transfer-Encoding:\x0bchunked'], '0\r\n\r\n')],
  ['a coding in quotes', send(['Transfer-Encoding: "chunked"'], '0\r\n\r\n')],
  ['a header with an underscore', send(['Content_Length: 50', 'Content-Length: 5'], BODY), 204],
  ['a folded length', send(['Content-Length:', ' 5'], BODY)],
  ['a folded coding', send(['Transfer-Encoding:', '\tchunked'], '0\r\n\r\n')],
  ['a folded header', send(['X-Folded: a', ' Content-Length: 50', 'Content-Length: 5'], BODY)],
  ['a folded first header', send([' folded', 'Content-Length: 5'], BODY)],
  ['a chunk with an extension', chunked(`5;a="b\\"c"\r\n${BODY}\r\n0\r\n\r\n`)],
  ['a chunk with a line feed in its extension', chunked(`5;a\n${BODY}\r\n0\r\n\r\n`)],
  ['an endless chunk extension', chunked(`5;${'a'.repeat(40_000)}`)],
  ['line feeds between chunks', chunked(`5\n${BODY}\n0\n\n`)],
  ['carriage returns between chunks', chunked(`5\r${BODY}\r0\r\r`)],
  ['a chunk that is longer than its size', chunked(`5\r\n${BODY}XX\r\n0\r\n\r\n${HIDDEN}`)],
  ['a chunk that is shorter than its size', chunked(`7\r\n${BODY}\r\n0\r\n\r\n`)],
  ['trailers', chunked(`5\r\n${BODY}\r\n0\r\nContent-Length: 50\r\nX: y\r\n\r\n`)],
  ['an invalid trailer', chunked(`5\r\n${BODY}\r\n0\r\nX\0: y\r\n\r\n`)],
  ['very many trailers', chunked(`5\r\n${BODY}\r\n0\r\n${'X: y\r\n'.repeat(5000)}\r\n`)],
  ['bytes after the last chunk', chunked(`5\r\n${BODY}\r\n0\r\n\r\nXXXX`)],
  ['line feeds only', get('/s/info').replaceAll('\r', '')],
  ['a line feed before a header', get('/s/info', ['X: y']).replace('\r\nX', '\nX')],
  ['carriage returns only', get('/s/info').replaceAll('\n', '')],
  ['an extra carriage return in each line', get('/s/info').replaceAll('\r\n', '\r\r\n')],
  ['empty lines before the request', `\r\n\r\n\n\r\n${get('/s/info')}`],
  ['a space before the request', ` ${get('/s/info')}`],
  ['a NUL before the request', `\0${get('/s/info')}`],
  ['a NUL in a header', get('/s/info', ['X: a\0b'])],
  ['a DEL in a header', get('/s/info', ['X: a\x7fb'])],
  ['bytes above ASCII in a header', get('/s/info', ['X: \x80\xff'])],
  ['bytes above ASCII in a name', get('/s/info', ['X\xff: y'])],
  ['a name in quotes', get('/s/info', ['"X": y'])],
  ['an empty header', get('/s/info', ['X:'])],
  ['tabs in the first line', get('/s/info').replace(/ /g, '\t')],
  ['two spaces in the first line', get('/s/info').replace(' ', '  ')],
  ['a space after the first line', get('/s/info').replace('\r', ' \r')],
  ...[
    'http/1.1',
    'HTTP/1.2',
    'HTTP/1.10',
    'HTTP/2.0',
    'HTTP/0.9',
    'HTTP/1',
    'HTTP/01.1',
    'HTTP/1.1x',
  ].map((version) => [`the version ${version}`, get('/s/info').replace('HTTP/1.1', version)]),
  ['no version', 'GET /s/info\r\n\r\n'],
  ['HTTP/1.0 with keep-alive', get('/s/info', ['Connection: keep-alive']).replace('1.1', '1.0')],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a TLS ClientHello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['a method in lower case', get('/s/info').replace('GET', 'get')],
  ['an unknown method', get('/s/info').replace('GET', 'BREW')],
  ...[
    ...['http://evil/s/info', 'HTTP://localhost/s/info', 'https://evil:99999/s/info', '//s/info'],
    ...[
      's/info',
      '*',
      'localhost:80',
      '/s/info#fragment',
      '/s/../s/info',
      '/s/%2e%2e/info',
      '\\s\\info',
    ],
    ...['/s/info\x7f', '/s/info\xff', '/s/info\0', '/s/in\tfo', '/s//info', '/s/./info', '/S/info'],
    ...[
      '?/loose',
      '/a?b/loose/info',
      '#/loose/info',
      'mailto:/loose/info',
      '/loose/info?#',
      '/s/info?\\',
    ],
    ...[
      '/s/info?%',
      '/s/info%',
      '/s/%69nfo',
      '/s/info;a=b',
      '/s/info?a=b?c=d&&&===',
      '/s/info?\'"<>{}|^`',
    ],
    ...[
      'http://[::1/loose/info',
      'http://a b/loose/info',
      'file:///loose/info',
      'javascript:/loose/info',
    ],
  ].flatMap((target) => [
    [`the target ${target}`, get(target)],
    [`CONNECT to ${target}`, get(target).replace('GET', 'CONNECT')],
    [`OPTIONS of ${target}`, get(target).replace('GET', 'OPTIONS')],
  ]),
  ['no target', 'GET  HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['no Host', 'GET /s/info HTTP/1.1\r\n\r\n'],
  ['two Hosts', get('/s/info', ['Host: evil'])],
  ['an empty Host', get('/s/info').replace('localhost', '')],
  ['an invalid Host', get('/s/info').replace('localhost', 'a b,c/d@e:f')],
  ['a GET with a body', get('/s/info', [`Content-Length: ${HIDDEN.length}`]) + HIDDEN, 200],
  ['a GET in chunks', `${get('/s/info', ['Transfer-Encoding: chunked'])}0\r\n\r\n`],
  ['an expectation', send(['Expect: 100-continue', 'Content-Length: 5'], BODY)],
  ['an unknown expectation', send(['Expect: miracles', 'Content-Length: 5'], BODY)],
  ['an expectation without a body', send(['Expect: 100-continue'])],
  [
    'a Connection header with close and keep-alive',
    get('/s/info', ['Connection: close, keep-alive']),
  ],
  ['two Connection headers', get('/s/info', ['Connection: keep-alive', 'Connection: close'])],
  ['a Connection header of commas', get('/s/info', [`Connection: ${','.repeat(500)}`])],
  [
    'a Connection header that names Content-Length',
    send(['Connection: Content-Length', 'Content-Length: 5'], BODY),
  ],
  ['Upgrade without Connection', get('/s/info', ['Upgrade: websocket'])],
  ['Connection: Upgrade without Upgrade', get('/s/info', ['Connection: Upgrade'])],
  ['TE and Trailer headers', get('/s/info', ['TE: trailers', 'Trailer: Content-Length'])],
  ['HTTP/2 settings', get('/s/info', ['HTTP2-Settings: AAMAAABkAAQAAP__'])],
  ['a Keep-Alive header', get('/s/info', ['Keep-Alive: timeout=99999, max=0'])],
  ['a request after Connection: close', get('/s/info', ['Connection: close']) + HIDDEN, 200],
  [
    'headers that override method and URL',
    get('/s/info', ['X-HTTP-Method-Override: POST', 'X-Original-URL: /smuggled']),
  ],
  ['a request as a body', send([`Content-Length: ${HIDDEN.length}`], HIDDEN), 500],
  ['very many small requests', get('/s/info').repeat(500), 200],
  [
    'requests for SockJS and for the application in turn',
    (get('/s/info') + get('/app')).repeat(100),
    200,
  ],
  ['an incomplete request after another', get('/s/info') + HIDDEN.slice(0, 20), 200],
  ['an invalid request after another', `${get('/s/info')}BROKEN\r\n\r\n${HIDDEN}`, 200],
];

/** Milliseconds without data after which the client half-closes: the last request is incomplete then. */
const SILENCE = 60;

/**
 * Sends the bytes of a row and reads until the server ends the connection.
 *
 * @param {import('../support/client').Client} client
 * @param {string} bytes
 * @param {boolean} later whether a request has been served on the connection before: through the takeover
 *   ingress, Rust has the connection then
 * @returns {Promise<string[]>} the statuses of the answers
 */
async function statuses(client, bytes, later) {
  const session = client.session('/s');
  await client.post(`${session}/xhr`);
  const { wire } = later ? await used(client) : await connect(client);
  const silent = setTimeout(() => wire.socket.end(), SILENCE);
  wire.socket.on('data', () => silent.refresh());
  wire.write(Buffer.from(bytes.replaceAll('$S', session), 'latin1'));
  try {
    const answers = await wire.end();
    return [...answers.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status);
  } finally {
    clearTimeout(silent);
  }
}

/**
 * Omits a last 400 after other answers. Rust handles pipelined requests one by one and answers the last one
 * with 400. Node sends no 400 while an earlier answer is in progress.
 */
const comparable = (all) => (all.length > 1 && all.at(-1) === '400' ? all.slice(0, -1) : all);

describe('both ingresses answer alike', { concurrency: false }, () => {
  const servers = INGRESSES.map((ingress) => replaceable(ingress));
  for (const [title, bytes, first] of [...LENGTHS, ...CHUNKS, ...OTHERS]) {
    it(title, async () => {
      const targets = await Promise.all(servers.map((one) => one.get()));
      const seen = {};
      await Promise.all(
        targets.flatMap((server) =>
          [false, true].map((later) =>
            runAttack(server, async ({ client }) => {
              const what = `${server.ingress}, ${later ? 'later' : 'first'} request`;
              seen[what] = await statuses(client, bytes, later);
            }),
          ),
        ),
      );
      for (const [what, answers] of Object.entries(seen)) {
        if (first) assert.equal(answers[0], String(first), what);
      }
      for (const server of targets) {
        assert.equal((await server.ask('counts')).smuggled, 0, 'a hidden request was executed');
        await server.checkUnharmed();
      }
      const [[reference, expected], ...others] = Object.entries(seen).sort();
      for (const [what, answers] of others) {
        assert.deepEqual(comparable(answers), comparable(expected), `${what} and ${reference}`);
      }
    });
  }
  it('and the servers are unharmed at the end', async (test) => {
    for (const one of servers) {
      const server = await one.get();
      await server.checkUnharmed();
      test.diagnostic(await server.state());
    }
  });
});
