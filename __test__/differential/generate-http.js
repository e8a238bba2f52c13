'use strict';

/**
 * @file Random requests, for SockJS and for the application, on one connection.
 */

const { encodeRequest, summary } = require('./script');
const values = require('./values');

const SERVICES = [
  ...['/echo', '/nows', '/cookie', '/fcookie', '/nocors', '/faye', '/group', '/x/group', '/free'],
  ...['/a/b/free/no=1', '/free/o=x_y'],
];

const TYPES = [
  ...['text/plain', 'text/plain;charset=UTF-8', 'text/plain; x', 'application/json', 'text/xml'],
  ...['application/xml', 'T', '', 'TEXT/PLAIN', 'text/plain ;x', 'application/octet-stream'],
  ...['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded; charset=utf-8'],
  ...['multipart/form-data; boundary=x', ';', 'text/plain, text/plain', undefined, undefined],
];

const METHODS = [
  [10, 'GET'],
  [10, 'POST'],
  [4, 'OPTIONS'],
  [1, 'HEAD'],
  [1, 'PUT'],
  [1, 'DELETE'],
  [0.5, 'PATCH'],
  [0.3, 'PROPFIND'],
  [0.3, 'M-SEARCH'],
  [0.2, 'get'],
  [0.2, 'FOO'],
];

/** Routes and their methods. */
const ROUTES = [
  ['GET', ''],
  ['GET', '/'],
  ['GET', '/info'],
  ['OPTIONS', '/info'],
  ['GET', '/iframe.html'],
  ['GET', '/iframe-1.2.html'],
  ['GET', '/iframe_a-zxhtml'],
  ['GET', '/iframeA.html'],
  ['GET', '/websocket'],
  ['OPTIONS', '/chunking_test'],
  ['GET', '/none'],
  ['GET', '//'],
  ['GET', 'x'],
  ['GET', '/info/info'],
];

/** Routes below `/<server>/<session>`. */
const SESSION_ROUTES = [
  ['POST', '/xhr'],
  ['POST', '/xhr_send'],
  ['POST', '/xhr_streaming'],
  ['GET', '/eventsource'],
  ['GET', '/htmlfile'],
  ['GET', '/jsonp'],
  ['POST', '/jsonp_send'],
  ['GET', '/websocket'],
  ['OPTIONS', '/xhr'],
  ['OPTIONS', '/xhr_send'],
  ['OPTIONS', '/xhr_streaming'],
  ['GET', ''],
  ['POST', '/xhr/'],
  ['GET', '/unknown'],
];

const QUERIES = [
  ...['', '', '', '?', '?c=cb', '?callback=x.y_z-1', '?c=', '?c=%41', '?c=a&c=b', '?t=1#x', '#c=1'],
  ...[
    '?c=a%20b',
    '?c=<b>',
    `?c=${'x'.repeat(32)}`,
    `?c=${'x'.repeat(33)}`,
    '?callback=a&c=b',
    '??c=1',
  ],
  ...['?c', '?%63=x', '?c=a+b', '?c=é', '?c=%C3%A9', '?c=%zz', '?c=1;d=2', '?a=b?c=d', '?&c=x'],
];

const FOREIGN = [
  '/',
  '/other',
  '/length',
  '/other?length',
  '/echox/info',
  '*',
  '/echo?x',
  '/ECHO/info',
];

/** Unusual targets. */
const ODD = [
  ...['/echo\\info', '/echo/\\info', '/echo/info%2f', '/echo/%69nfo', '/echo//info', '//echo/info'],
  ...[
    '/echo/./info',
    '/echo/../echo/info',
    '/echo/info;x',
    '/echo/info|',
    '/echo/inf{o}',
    '/echo/é',
  ],
  ...[
    'http://localhost/echo/info',
    'HTTP://x/echo',
    '/echo/info"',
    "/echo/i'nfo",
    '/echo/`',
    '/echo/a^b/xhr',
  ],
  ...[
    '/echo/a.b/c/xhr',
    '/echo/a/b.c/xhr',
    '/echo//b/xhr',
    '/echo/a//xhr',
    '/echo/a/b/c/xhr',
    '/echo/%2e/b/xhr',
  ],
  ...[
    '/echo/info/?x=1',
    '/echo/info//',
    '/echo/?',
    '/echo#',
    '/echo/#x',
    '/echo/info#/x',
    'echo/info',
  ],
];

/** @returns {Record<string, string | undefined>} */
function someHeaders(random) {
  const headers = {};
  const maybe = (probability, name, list) => {
    if (random.chance(probability)) headers[name] = random.pick(list);
  };
  maybe(0.3, 'Origin', ['http://o', 'null', '', 'https://é', '*', 'a, b', 'http://o\x80']);
  maybe(0.3, 'Cookie', [
    ...['JSESSIONID=abc', 'a=b; JSESSIONID=x=y', 'JSESSIONID', 'JSESSIONID=', ' JSESSIONID = q '],
    ...[
      'JSESSIONID=1; JSESSIONID=2',
      'jsessionid=low',
      ';;=;',
      '__proto__=x',
      'JSESSIONID="q;r"',
      'toString=1',
    ],
  ]);
  maybe(0.2, 'Access-Control-Request-Headers', ['a', 'X-A, X-B', '', 'é']);
  maybe(0.1, 'If-None-Match', ['"x"', '*', '"6a3b3a4ba9cd1e3a7d3ebe2e52a8a9a4"']);
  maybe(0.1, 'Connection', [
    'close',
    'keep-alive',
    'Keep-Alive',
    'CLOSE',
    'foo',
    'close, x',
    'keep-alive, x',
  ]);
  maybe(0.1, 'X-Forwarded-For', ['1.2.3.4', '']);
  maybe(0.1, 'Referer', ['http://r', '']);
  maybe(0.1, 'Via', ['1.1 proxy']);
  maybe(0.05, 'Accept-Language', ['de', 'é']);
  maybe(0.03, 'Expect', ['100-continue', '100-Continue', 'other']);
  maybe(0.03, 'Host', ['', 'other:80', undefined]);
  maybe(0.03, 'TE', ['trailers']);
  maybe(0.02, 'X-Long', ['y'.repeat(3000), 'y'.repeat(15000)]);
  maybe(0.02, 'Upgrade', ['h2c', 'foo']);
  maybe(0.02, 'X-Bad\x01', ['z']);
  maybe(0.02, 'X-Fold', ['a\r\n b', 'a\nX-Lf: b', 'a\0b']);
  return headers;
}

/** @returns {Buffer} the body in HTTP chunks */
function chunked(random, bytes) {
  const parts = [];
  let from = 0;
  for (const to of [...random.cuts(bytes.length, 3), bytes.length]) {
    if (to === from) continue;
    const extension = random.chance(0.1) ? ';x=y' : '';
    const size = (to - from).toString(16);
    parts.push(`${random.chance(0.2) ? size.toUpperCase() : size}${extension}\r\n`);
    parts.push(bytes.subarray(from, to), '\r\n');
    from = to;
  }
  parts.push(random.chance(0.1) ? '0\r\nX-Trailer: t\r\n\r\n' : '0\r\n\r\n');
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

/** @returns {Buffer} a form for `jsonp_send`, valid or invalid */
function form(random) {
  const d = encodeURIComponent(values.messages(random).replace(/[\ud800-\udfff]/g, '?'));
  return Buffer.from(
    random.weighted([
      [8, () => `d=${d}`],
      [2, () => `d=${encodeURIComponent(random.pick(values.ODD_JSON))}`],
      [2, () => `d=${encodeURIComponent(random.pick(values.BROKEN_JSON))}`],
      [1, () => `d=${d}&d=${d}`],
      [1, () => `x=1&d=${d.replace(/%20/g, '+')}`],
      [
        1,
        () =>
          random.pick([
            'd',
            'd=',
            '=',
            '',
            'x=1',
            'd=%',
            'd=%zz',
            'd=%ff',
            'd=["a%2',
            'D=["a"]',
            '&&d=["a"]&',
          ]),
      ],
      [1, () => values.invalidUtf8(random)],
      [1, () => 'd="["'],
      [1, () => 'd="[\\"nested\\"]"'],
    ])(),
  );
}

/**
 * Adds headers for a body to `headers`.
 *
 * @returns {Buffer} a body that fits the target, most of the time
 */
function withBody(random, target, headers, isTame) {
  const isForm = target.includes('jsonp_send');
  let bytes = isForm && random.chance(0.8) ? form(random) : values.body(random);
  const type = random.chance(0.6)
    ? isForm
      ? 'application/x-www-form-urlencoded'
      : 'text/plain'
    : random.pick(TYPES);
  if (type !== undefined) headers['Content-Type'] = type;
  if (random.chance(0.15)) {
    headers['Transfer-Encoding'] = random.chance(0.1) ? 'Chunked' : 'chunked';
    bytes = chunked(random, bytes);
    if (!isTame && random.chance(0.05)) headers['Content-Length'] = String(bytes.length);
  } else if (!isTame && random.chance(0.02)) {
    headers['Content-Length'] = random.pick(['x', '-1', '+1', '1,1', '0x1', ' ']);
  }
  return bytes;
}

/** @returns {{method: string, target: string}} for one of the services */
function someTarget(random, id, index) {
  if (random.chance(0.08)) {
    // Each session belongs to one case.
    const target = random.pick(ODD).replace('/b/xhr', `/${id}-${index}/xhr`);
    return { method: random.weighted(METHODS), target };
  }
  const inSession = random.chance(0.6);
  const [wanted, route] = random.pick(inSession ? SESSION_ROUTES : ROUTES);
  // Each response must end by itself. A stream does so where the application closes at once.
  const service = inSession && /xhr_str|event|html/.test(route) ? '/shut' : random.pick(SERVICES);
  const url = inSession
    ? `${service}/${random.pick(['000', 'é', '%20', 'a~b'])}/${id}-${index}`
    : service;
  const method = random.chance(0.85) ? wanted : random.weighted(METHODS);
  return { method, target: url + route + (random.chance(0.1) ? '/' : '') + random.pick(QUERIES) };
}

/** Headers after which Node ends the connection, or answers by itself. */
const ODD_HEADERS = ['Upgrade', 'Expect', 'X-Bad\x01', 'X-Fold', 'X-Long', 'Host'];

/** Whether Node's parser accepts a request line. */
function isWellFormed(method, target) {
  return !['get', 'FOO'].includes(method) && /^[/*h][!-~]*$/.test(target);
}

/** @returns {{request: object, bytes: Buffer}} */
function someRequest(random, id, index, isTame, isLast = true) {
  const foreign = random.chance(0.25);
  const { method, target } = foreign
    ? { method: random.weighted(METHODS), target: random.pick(FOREIGN) }
    : someTarget(random, id, index);
  const headers = someHeaders(random);
  // At a malformed request, Node may discard answers to earlier requests: a race.
  if (isTame && !isWellFormed(method, target)) return someRequest(random, id, index, true, isLast);
  if (isTame) for (const odd of ODD_HEADERS) delete headers[odd];
  const hasBody = method === 'POST' || random.chance(0.05);
  const body = hasBody ? withBody(random, target, headers, isTame) : '';
  const version = random.weighted([
    [20, '1.1'],
    [2, '1.0'],
    [isTame ? 0 : 0.1, '1.2'],
    [isTame ? 0 : 0.1, '2.0'],
  ]);
  // For Node, data after a request with Connection: close is malformed too. Named scenarios test this.
  if (!isLast && version === '1.0') headers.Connection = 'keep-alive';
  else if (!isLast && /close/i.test(headers.Connection)) delete headers.Connection;
  if (headers.Upgrade && random.chance(0.5)) headers.Connection = 'Upgrade';
  return {
    request: summary(method, target, headers),
    bytes: encodeRequest(id, method, target, { headers, body, version }),
  };
}

/**
 * @param {import('../support/random').Random} random
 * @param {import('./script').Script} script
 */
function requests(random, script) {
  const server = random.chance(0.1) ? 1 : 0;
  for (let turn = 0, turns = random.int(1, 4); turn < turns; turn++) {
    const count = random.weighted([
      [6, 1],
      [2, 2],
      [1, 3],
      [1, 5],
    ]);
    const made = Array.from({ length: count }, (_, at) =>
      someRequest(random, script.id, turn * 9 + at, count > 1, at === count - 1),
    );
    const bytes = Buffer.concat(made.map((one) => one.bytes));
    const cuts = random.chance(0.4) ? random.cuts(bytes.length, 4) : [];
    script.send('a', bytes, { requests: made.map(({ request }) => request), cuts, server });
    script.until('a', 'answers');
  }
  if (random.chance(0.1)) script.finish('a').until('a', 'closed');
}

/** A request that the client aborts, before it is complete or before its answer. */
function abortedRequest(random, script) {
  if (random.chance(0.5)) script.get('a', random.pick(['/echo/info', '/other']));
  const { request, bytes } = someRequest(random, script.id, 1, true);
  const length = random.int(1, bytes.length);
  // Whether an answer arrives before the abort is a race, so it is not read.
  if (random.chance(0.7)) script.stop('a');
  script.breaks('a').send('a', bytes.subarray(0, length), { requests: [request] });
  if (random.chance(0.5)) script.settle();
  if (script.steps.some((step) => step.do === 'stop')) script.abort('a');
  else script.finish('a').until('a', 'closed');
}

module.exports = { ODD, ODD_HEADERS, TYPES, abortedRequest, chunked, form, requests, someHeaders };
