'use strict';

/**
 * @file The named scenarios: the facts of docs/compatibility.md, each played on both libraries.
 */

const { encodeClose, encodeFrame } = require('../support/websocket-client');
const { ODD, TYPES } = require('./generate-http');
const { Script, encodeRequest, summary } = require('./script');

/** @type {{name: string, title: string, write: (id: string) => Script}[]} */
const scenarios = [];

/**
 * @param {string} title
 * @param {(script: Script) => void} steps
 */
function scenario(title, steps) {
  const name = title.replace(/[^a-zA-Z0-9]+/g, '-').replace(/^-|-$/g, '');
  const write = (id) => {
    const script = new Script(id);
    steps(script);
    return script;
  };
  scenarios.push({ name, title, write });
}

/**
 * A scenario in which sockjs-rs differs on purpose.
 *
 * @param {number | string} number in the list of deviations
 * @param {string} title
 * @param {(script: Script) => void} steps
 * @param {(ours: any, oracle: any) => boolean} holds whether sockjs-rs does what is intended
 */
function deviation(number, title, steps, holds) {
  scenario(title, (script) => {
    script.deviation = { number, title, holds };
    steps(script);
  });
}

const PLAIN = { 'Content-Type': 'text/plain' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const STREAMS = [
  ['POST', 'xhr_streaming'],
  ['GET', 'eventsource'],
  ['GET', 'htmlfile?c=cb'],
];
/** What a stream has received up to the second heartbeat, or the end of it. */
const HEARTBEATS = {
  xhr_streaming: 'o\nh\nh\n',
  eventsource: 'data: h\r\n\r\ndata: h\r\n\r\n',
  'htmlfile?c=cb': 'p("h");\n</script>\r\n<script>\np("h");',
};
const POLLS = [
  ['POST', 'xhr'],
  ['GET', 'jsonp?c=cb'],
];

for (const [method, receiver] of [...STREAMS, ...POLLS]) {
  const isPoll = POLLS.some(([, name]) => name === receiver);

  scenario(`${receiver} opens, echoes and is aborted`, (s) => {
    const url = s.session('/echo');
    s.request('r', method, `${url}/${receiver}`);
    if (isPoll) s.until('r', 'answers').request('r', method, `${url}/${receiver}`).settle();
    else s.until('r', 'head').settle();
    s.sendMessages(url, 'one', 'two "\u2028 \ud800 é', 'three');
    if (isPoll) s.until('r', 'answers').settle().ask('r', method, `${url}/${receiver}`);
    else s.until('r', 'text', 'three');
    if (isPoll) s.request('r', method, `${url}/${receiver}`).settle();
    s.abort('r');
  });

  scenario(`${receiver} repeats the close frame until disconnect_delay has passed`, (s) => {
    const url = s.session('/echo');
    s.request('r', method, `${url}/${receiver}`)
      .until('r', isPoll ? 'answers' : 'head')
      .settle();
    s.sendMessages(url, '!close 3001 Go away');
    s.until('r', 'answers');
    s.ask('r', method, `${url}/${receiver}`).ask('q', method, `${url}/${receiver}`);
    s.sendMessages(url, 'dropped').ask('r', 'POST', `${url}/xhr`);
  });

  scenario(`${receiver} refuses a second receiver`, (s) => {
    const url = s.session('/echo');
    if (isPoll) s.ask('r', method, `${url}/${receiver}`);
    s.request('r', method, `${url}/${receiver}`).settle();
    if (!isPoll) s.until('r', 'head');
    for (const [other, name] of [...STREAMS, ...POLLS]) s.ask(`q${name}`, other, `${url}/${name}`);
    s.sendMessages(url, 'still here').until('r', 'text', 'still here');
  });

  scenario(`${receiver} of a service that closes at once`, (s) => {
    const url = s.session('/shut');
    s.ask('r', method, `${url}/${receiver}`).settle().ask('r', method, `${url}/${receiver}`);
    s.ask('q', method, `${url}/${receiver}`);
  });

  for (const service of ['/greet', '/bye']) {
    scenario(`${receiver} of the service ${service}`, (s) => {
      const url = s.session(service);
      s.request('r', method, `${url}/${receiver}`);
      if (!isPoll) {
        s.until('r', 'text', service === '/bye' ? 'bye' : 'more').settle();
      } else {
        s.until('r', 'answers').settle();
        s.ask('r', method, `${url}/${receiver}`).settle().ask('r', method, `${url}/${receiver}`);
      }
    });
  }

  scenario(`${receiver} sets cookies and CORS headers`, (s) => {
    for (const service of ['/cookie', '/fcookie', '/nocors', '/echo']) {
      for (const [index, headers] of [
        {},
        { Cookie: 'a=b; JSESSIONID=abc=def ; x' },
        { Cookie: 'JSESSIONID', Origin: 'http://o', 'Access-Control-Request-Headers': 'a, b' },
        { Origin: 'null' },
        { Origin: '' },
      ].entries()) {
        const on = `${service}${index}`;
        const target = `${s.session(service, `n${index}`)}/${receiver}`;
        s.request(on, method, target, { headers }).until(on, 'head').settle().abort(on);
      }
    }
  });

  scenario(`${receiver} over HTTP 1.0 and with Connection close`, (s) => {
    const target = (name) => `${s.session('/shut', name)}/${receiver}`;
    s.ask('a', method, target('a'), { version: '1.0' });
    s.ask('b', method, target('b'), { version: '1.0', headers: { Connection: 'keep-alive' } });
    s.ask('c', method, target('c'), { headers: { Connection: 'close' } });
  });

  scenario(`${receiver} gets heartbeats`, (s) => {
    const url = s.session('/beat');
    s.request('r', method, `${url}/${receiver}`);
    if (isPoll) s.until('r', 'answers').ask('r', method, `${url}/${receiver}`);
    else s.until('r', 'text', HEARTBEATS[receiver]).stop('r');
  });

  scenario(`${receiver}: a message does not prolong a session without a receiver`, (s) => {
    const url = s.session('/echo');
    s.request('r', method, `${url}/${receiver}`)
      .until('r', isPoll ? 'answers' : 'head')
      .settle();
    if (!isPoll) s.abort('r').settle();
    s.post('q', `${url}/xhr_send`, '["lost"]', PLAIN).settle();
  });
}

const WEBSOCKETS = [
  ['websocket', (s) => `${s.session('/echo')}/websocket`, (text) => JSON.stringify([text])],
  ['raw websocket', () => '/echo/websocket', (text) => text],
];

for (const [kind, targetOf, encode] of WEBSOCKETS) {
  scenario(`${kind} echoes messages before it closes because of an invalid frame`, (s) => {
    s.handshake('w', targetOf(s)).frames('w', encode('sync')).until('w', 'text', 'sync');
    s.frames('w', encode('one'), encode('two'), { payload: Buffer.from([0xff]) }).until(
      'w',
      'closed',
    );
  });

  scenario(`${kind} echoes messages before it answers a close frame`, (s) => {
    s.handshake('w', targetOf(s)).frames('w', encode('sync')).until('w', 'text', 'sync');
    s.frames('w', encode('one'), { opcode: 8, payload: '' }).until('w', 'closed');
  });

  scenario(`${kind} waits for the client's close frame and answers pings meanwhile`, (s) => {
    s.handshake('w', targetOf(s)).frames('w', encode('!close 3001 Bye')).until('w', 'text', 'Bye');
    s.frames('w', { opcode: 9, payload: 'still' }).until('w', 'pong', 'still');
    s.frames('w', encode('dropped'), { payload: Buffer.from([0xff]) });
    s.frames('w', { opcode: 9, payload: 'again' }).until('w', 'pong', 'again');
    s.closeFrame('w', 3001).until('w', 'closed');
  });

  scenario(`${kind} answers pings and a close after oversized messages while it closes`, (s) => {
    s.handshake('w', targetOf(s).replace('/echo', '/faye'));
    s.frames('w', encode('!close 3001 Bye')).until('w', 'text', 'Bye');
    s.frames('w', encode('y'.repeat(2000)), { opcode: 9, payload: 'p' }).until('w', 'pong', 'p');
    s.frames('w', { payload: 'z'.repeat(70000), fin: false }, { opcode: 0, payload: 'z' });
    s.closeFrame('w', 3001).until('w', 'closed');
  });

  scenario(`${kind} closes although close() has thrown`, (s) => {
    s.handshake('w', targetOf(s)).frames('w', encode('!reason {"a":1}')).settle();
    s.frames('w', { payload: Buffer.from([0xff]) }, { opcode: 9, payload: 'p' });
    s.until('w', 'pong', 'p').closeFrame('w', 1000).until('w', 'closed');
  });

  const sendEarly = (s) => {
    const early = encodeFrame({ payload: encode('early') });
    s.handshake('w', targetOf(s), { early });
    s.frames('w', encode('late')).until('w', 'text', 'late');
  };
  const title = `${kind} gets a message in the segment of the handshake`;
  if (kind === 'raw websocket') scenario(title, sendEarly);
  else {
    deviation(9, title, sendEarly, ({ connections }) =>
      connections.w.frames.join().includes('a["early"],81 2: a["late"]'),
    );
  }

  for (const code of [undefined, 0, 999, 1000, 1001, 1003, 1004, 1005, 1006, 1007, 1011, 1012]) {
    scenario(`${kind} answers close ${code}`, (s) => {
      s.handshake('w', targetOf(s)).closeFrame('w', code, 'why é').until('w', 'closed');
    });
  }

  for (const code of [2999, 3000, 4999, 5000, 65535]) {
    scenario(`${kind} answers close ${code}`, (s) => {
      s.handshake('w', targetOf(s)).closeFrame('w', code).until('w', 'closed');
    });
  }

  const closed = [
    ['a one-byte close', { opcode: 8, payload: 'x' }],
    ['a reason that is not UTF-8', { opcode: 8, payload: Buffer.from([3, 232, 255]) }],
    ['an unmasked frame', { payload: '["a"]', masked: false }],
    ['reserved bits', { payload: '["a"]', rsv: 5 }],
    ['a reserved opcode', { opcode: 3, payload: 'x' }],
    ['a fragmented ping', { opcode: 9, payload: 'x', fin: false }],
    ['a long ping', { opcode: 9, payload: 'x'.repeat(126) }],
    ['a continuation without a first fragment', { opcode: 0, payload: 'x' }],
    ['text that is not UTF-8', { payload: Buffer.from([0x22, 0xff, 0x22]) }],
  ];
  for (const [what, frame] of closed) {
    scenario(`${kind} closes because of ${what}`, (s) => {
      s.handshake('w', targetOf(s)).frames('w', frame).until('w', 'closed');
    });
  }

  scenario(`${kind} closes because of a message within a fragmented one`, (s) => {
    s.handshake('w', targetOf(s)).frames('w', { payload: '["a', fin: false }, '["b"]');
    s.until('w', 'closed');
  });

  scenario(`${kind} closes because of a message that is too long`, (s) => {
    s.handshake('w', targetOf(s).replace('/echo', '/faye'));
    s.frames('w', encode('y'.repeat(900))).until('w', 'text', 'yyy');
    s.frames(
      'w',
      { payload: 'z'.repeat(600), fin: false },
      { opcode: 0, payload: 'z'.repeat(600) },
    );
    s.until('w', 'closed');
  });

  scenario(`${kind} checks UTF-8 when the message is complete`, (s) => {
    s.handshake('w', targetOf(s));
    s.frames('w', { payload: Buffer.from([0x22, 0xc3]), fin: false }, { opcode: 9, payload: 'p' });
    s.frames('w', { opcode: 0, payload: Buffer.from([0xa9, 0x22]) }).settle();
    s.frames('w', encode('end')).until('w', 'text', 'end');
  });

  scenario(`${kind} accepts binary frames`, (s) => {
    s.handshake('w', targetOf(s));
    s.frames('w', { opcode: 2, payload: '["a","b"]' }, { opcode: 2, payload: '"c"' });
    s.frames('w', encode('end')).until('w', 'text', 'end');
  });

  for (const service of ['/greet', '/bye', '/shut', '/faye', '/cookie', '/fcookie', '/nocors']) {
    scenario(`${kind} of the service ${service}`, (s) => {
      s.handshake('w', targetOf(s).replaceAll('echo', service.slice(1)), {
        headers: { Cookie: 'JSESSIONID=abc', Origin: 'http://o' },
      });
      s.frames('w', { opcode: 9, payload: 'p' }).until('w', 'pong', 'p').settle();
    });
  }

  for (const command of [
    ...[
      '!close',
      '!close 3001 why',
      '!close 1001 why',
      '!close 2999',
      '!end',
      '!end last',
      '!later',
    ],
    ...[
      '!destroy',
      '!soon',
      '!write a b',
      '!bytes ff00',
      '!value null',
      '!value {"a":1}',
      '!big 70000',
    ],
    ...[
      '!reason null',
      '!reason [1,"\u2028\ud800"]',
      '!reason 5',
      '!reason true',
      '!reason {"length":1}',
      '!value "\ud800\u2028\ufffe"',
    ],
  ]) {
    scenario(`${kind} executes ${JSON.stringify(command)}`, (s) => {
      s.handshake('w', targetOf(s)).frames('w', encode(command), encode('more'));
      s.frames('w', { opcode: 9, payload: 'p' }).until('w', 'pong', 'p').settle();
    });
  }

  for (const [what, headers] of [
    ['no version', { 'Sec-WebSocket-Version': undefined }],
    ['version 8', { 'Sec-WebSocket-Version': '8' }],
    ['version 14', { 'Sec-WebSocket-Version': '14' }],
    ['no key', { 'Sec-WebSocket-Key': undefined }],
    ['a short key', { 'Sec-WebSocket-Key': 'x' }],
    ['another protocol', { Upgrade: 'foo' }],
    ['several connection tokens', { Connection: 'keep-alive, Upgrade' }],
    ['bad extensions', { 'Sec-WebSocket-Extensions': '???' }],
  ]) {
    scenario(`${kind} handshake with ${what}`, (s) => {
      s.handshake('w', targetOf(s), { headers }).settle();
    });
  }

  scenario(`${kind} without an upgrade, and with websockets turned off`, (s) => {
    s.get('a', targetOf(s)).get('a', targetOf(s).replaceAll('echo', 'nows'));
    s.ask('a', 'POST', targetOf(s));
  });

  scenario(`${kind} ends when its client disconnects`, (s) => {
    s.handshake('a', targetOf(s)).frames('a', encode('x')).until('a', 'text', 'x').abort('a');
    s.handshake('b', targetOf(s)).frames('b', encode('x')).until('b', 'text', 'x').finish('b');
    s.until('b', 'closed');
  });

  deviation(
    3,
    `${kind} with a close frame in the segment of the handshake`,
    (s) => {
      const early = encodeClose(1000);
      s.handshake('w', targetOf(s), { early }).until('w', 'closed');
    },
    ({ uncaught, sessions }) =>
      uncaught.length === 0 && sessions.every(([{ properties }]) => properties !== undefined),
  );
}

for (const payload of [
  '["a","b"]',
  ' ["a"]',
  '{"a":[1]}',
  '1',
  '"a"',
  'null',
  '""',
  '[]',
  '[1,null]',
  '',
]) {
  scenario(`websocket payload ${payload}`, (s) => {
    s.handshake('w', `${s.session('/echo')}/websocket`).frames('w', payload, '["end"]');
    s.until('w', 'text', 'end');
  });
}

for (const payload of ['[', 'x', '["a",]']) {
  scenario(`invalid websocket payload ${payload}`, (s) => {
    s.handshake('w', `${s.session('/echo')}/websocket`)
      .frames('w', payload)
      .until('w', 'closed');
  });
}

const closeWithinFrame = (s) => {
  s.handshake('w', `${s.session('/echo')}/websocket`).frames('w', '["a","!close","b"]', '["c"]');
  s.frames('w', { opcode: 9, payload: 'p' }).until('w', 'pong', 'p');
};

deviation(
  3,
  'websocket does not deliver the rest of a frame after a close',
  closeWithinFrame,
  ({ uncaught, sessions, connections: { w } }) =>
    uncaught.length === 0 && w.pongs.length > 0 && !JSON.stringify(sessions).includes('\\\\"b'),
);

scenario('websocket sends pings as heartbeats', (s) => {
  s.handshake('w', `${s.session('/beat')}/websocket`)
    .until('w', 'frames', 2)
    .stop('w');
});

scenario('websocket sends heartbeats whether or not there is traffic', (s) => {
  s.handshake('w', `${s.session('/beat')}/websocket`).until('w', 'frames', 2);
  s.frames('w', { opcode: 10, payload: '' }).until('w', 'frames', 3).stop('w');
});

const BODIES = [
  ...['["a"]', '[]', '["a",1,null,{"b":[]}]', '{}', '"a"', '1', 'null', '', '[', 'x', '["a"]x'],
  ...['\ufeff["a"]', '["\\ud800"]', '{"length":1,"0":"a"}'],
];

scenario('xhr_send checks the body before the session', (s) => {
  for (const body of BODIES) {
    s.post('a', `${s.session('/echo', 'none')}/xhr_send`, body, PLAIN);
    s.post('a', `${s.session('/echo', 'none')}/jsonp_send`, body, PLAIN);
    s.post('a', `${s.session('/echo', 'none')}/jsonp_send`, `d=${encodeURIComponent(body)}`, FORM);
  }
  s.post(
    'a',
    `${s.session('/echo', 'none')}/xhr_send`,
    Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]),
    PLAIN,
  );
});

scenario('xhr_send and jsonp_send deliver messages', (s) => {
  const url = s.session('/echo');
  s.request('r', 'POST', `${url}/xhr_streaming`).until('r', 'head').settle();
  for (const body of BODIES) {
    s.post('a', `${url}/xhr_send`, body, PLAIN).settle();
    s.post('a', `${url}/jsonp_send`, `d=${encodeURIComponent(body)}`, FORM).settle();
  }
  s.post('a', `${url}/jsonp_send`, 'd=%5B%22a%22%5D&d=%5B%22b%22%5D', FORM).settle();
  s.sendMessages(url, 'end').until('r', 'text', 'end');
});

scenario('xhr_send and jsonp_send depend on the content type', (s) => {
  const url = s.session('/echo');
  s.request('r', 'POST', `${url}/xhr_streaming`).until('r', 'head').settle();
  for (const type of TYPES) {
    const headers = type === undefined ? {} : { 'Content-Type': type };
    for (const route of ['xhr_send', 'jsonp_send']) {
      s.post('a', `${url}/${route}`, '["a"]', headers).post(
        'a',
        `${url}/${route}`,
        'd=["a"]',
        headers,
      );
    }
    s.settle();
  }
  s.sendMessages(url, 'end').until('r', 'text', 'end');
});

scenario('xhr_send does not keep a session alive', (s) => {
  const url = s.session('/echo');
  s.post('r', `${url}/xhr`).settle();
  s.post('a', `${url}/xhr_send`, '["a"]', PLAIN).post('r', `${url}/xhr`);
});

deviation(
  'fault',
  'session ids such as constructor',
  (s) => {
    for (const id of ['constructor', 'toString', 'hasOwnProperty']) {
      s.post('a', `/echo/000/${id}/xhr_send`, '["a"]', PLAIN);
    }
  },
  ({ connections }) => connections.a.responses.slice(0, 3).every(({ line }) => / 404 /.test(line)),
);

deviation(
  'fault',
  'a body with __proto__ is not an array',
  (s) => s.post('a', `${s.session('/echo')}/xhr_send`, '{"__proto__":[]}', PLAIN),
  ({ connections }) => connections.a.responses[0].body === 'Payload expected.',
);

deviation(
  'fault',
  'the Content-Length of an iframe is in bytes',
  (s) => s.get('a', '/frame/iframe.html'),
  ({ connections: { a } }) =>
    Number(a.responses[0].headers['content-length'][0]) === a.responses[0].body.length,
);

deviation(
  'fault',
  'a $& in sockjs_url is plain text',
  (s) => s.get('a', '/dollar/iframe.html'),
  ({ connections: { a } }) => a.responses[0].body.includes('"/$&.js"'),
);

deviation(
  3,
  'an upgrade request for a plain route',
  (s) => s.handshake('a', '/echo/info').until('a', 'closed'),
  ({ connections: { a }, uncaught }) =>
    a.isClosed && a.responses[0].line === 'HTTP/1.1 200 OK' && uncaught.length === 0,
);

deviation(
  3,
  'a target that is not a path, under an unanchored prefix',
  (s) => s.get('a', 'http://a:b/free/info'),
  ({ connections: { a }, uncaught }) => a.responses.length > 0 && uncaught.length === 0,
);

deviation(
  5,
  'a listener that throws at a message of xhr_send',
  (s) => {
    const url = s.session('/echo');
    s.request('r', 'POST', `${url}/xhr_streaming`).until('r', 'head').settle();
    s.sendMessages(url, '!throw', 'kept')
      .until('r', 'text', 'kept')
      .sendMessages(url, 'end')
      .until('r', 'text', 'end');
  },
  ({ connections: { r }, uncaught }) =>
    r.responses[0].body.includes('kept') && uncaught.length === 0,
);

const SERVICES = [
  '/echo',
  '/nows',
  '/cookie',
  '/fcookie',
  '/nocors',
  '/faye',
  '/group',
  '/x/group',
  '/free',
  '/a/free/no=1',
];

for (const service of SERVICES) {
  scenario(`plain routes of ${service}`, (s) => {
    for (const route of [
      '',
      '/',
      '?x',
      '/?x',
      '/info',
      '/info/',
      '/info?x',
      '/iframe.html',
      '/iframe-1.2_x.html',
      '/iframexhtml',
      '/iframeX.html',
      '/iframe.html/',
      '/none',
      '//',
      '/websocket',
    ]) {
      for (const method of ['GET', 'OPTIONS', 'HEAD', 'POST', 'PUT']) {
        const headers = { Origin: 'http://o', Cookie: 'JSESSIONID=x=y' };
        s.ask('a', method, service + route, { headers });
      }
    }
  });

  scenario(`session routes of ${service}`, (s) => {
    for (const route of [
      'xhr',
      'xhr_send',
      'xhr_streaming',
      'eventsource',
      'htmlfile',
      'jsonp',
      'jsonp_send',
      'websocket',
      'none',
      '',
    ]) {
      for (const method of ['OPTIONS', 'HEAD', 'PUT']) {
        s.ask('a', method, `${s.session(service)}/${route}`).ask(
          'a',
          method,
          `${s.session(service)}/${route}/`,
        );
      }
    }
    for (const odd of [
      '/a.b/c/xhr',
      '/a/b.c/xhr',
      '//b/xhr',
      '/a//xhr',
      '/a/b/c/xhr',
      '/%2e/b/xhrx',
    ]) {
      s.post('a', service + odd, '');
    }
    for (const query of [
      '',
      '?c=',
      '?c=a.b_c-1',
      '?callback=x',
      '?c=%41&c=b',
      '?c=<b>',
      '?c',
      `?c=${'x'.repeat(33)}`,
    ]) {
      for (const route of ['jsonp', 'htmlfile']) {
        const on = `${route}${query}`;
        s.request(on, 'GET', `${s.session(service, `q${s.steps.length}`)}/${route}${query}`)
          .until(on, 'head')
          .settle()
          .abort(on);
      }
    }
  });
}

deviation(
  6,
  'a group in the prefix does not shift the session',
  (s) => {
    s.post('a', '/capture/no=1/000/one/xhr').post('a', '/capture/no=1/000/two/xhr');
  },
  ({ connections: { a } }) => a.responses.slice(0, 2).every(({ body }) => body === 'o\n'),
);

scenario('the iframe page has an ETag', (s) => {
  s.get('a', '/echo/iframe.html').get('a', '/echo/iframe.html', { 'If-None-Match': '"x"' });
  s.get('a', '/echo/iframe.html', { 'If-None-Match': '"0bda17e11a3a2d43b8a6f2ec9a8a4ac1"' });
});

scenario('unusual targets', (s) => {
  for (const target of ODD) {
    for (const server of [0, 1]) {
      const on = `${server}${target}`;
      s.ask(on, 'GET', target, { server }).ask(on, 'OPTIONS', target, { server });
    }
  }
});

scenario('the chunking test', (s) => {
  s.post('a', '/echo/chunking_test', '["a"]', PLAIN);
  // It takes four seconds.
  s.until('a', 'answers');
  s.ask('b', 'OPTIONS', '/echo/chunking_test');
});

scenario('response_limit ends a stream', (s) => {
  const url = s.session('/cookie');
  s.request('r', 'POST', `${url}/xhr_streaming`).until('r', 'head').settle();
  for (let n = 0; n < 3; n++) s.sendMessages(url, '!big 130', 'é\u2028').settle();
  s.until('r', 'answers').ask('q', 'POST', `${url}/xhr`);
});

scenario('a service without response_limit', (s) => {
  const url = s.session('/nolimit');
  s.request('r', 'POST', `${url}/xhr_streaming`).until('r', 'head').settle();
  s.sendMessages(url, '!big 200000', 'end').until('r', 'text', 'end');
});

scenario('lines of the log', (s) => {
  s.get('a', `/log/info?${s.id}`)
    .get('a', `/log/none?${s.id}`)
    .ask('a', 'PUT', `/log/info?${s.id}`);
  const url = s.session('/log');
  s.post('a', `${url}/xhr`).settle().post('a', `${url}/xhr_send`, '["a"]', PLAIN);
  s.post('a', `${url}/xhr`).post('a', `${url}/xhr_send`, 'x', { 'Content-Type': 'x/y' });
});

scenario('requests for SockJS and for the application on one connection', (s) => {
  const url = s.session('/echo');
  for (let n = 0; n < 3; n++) {
    s.get('a', '/echo/info')
      .post('a', '/other', 'body')
      .post('a', `${url}${n}/xhr`)
      .get('a', '/length');
    s.ask('a', 'HEAD', '/other').ask('a', 'PUT', '/length', { body: 'x'.repeat(100000) });
  }
});

scenario('bodies in segments, used or ignored, on a connection that is used further', (s) => {
  const url = s.session('/echo');
  const body = '["a"]'.padEnd(400);
  const options = { body, headers: PLAIN, cuts: [100, 200, 300] };
  s.get('a', '/echo/info');
  s.ask('a', 'POST', `${url}/none`, options).ask('a', 'POST', '/echo/info', options);
  s.ask('a', 'POST', `${url}/xhr`, options).ask('a', 'POST', `${url}/xhr_send`, options);
  s.ask('a', 'POST', `${url}/xhr`, options).get('a', '/echo/info');
});

scenario('a client that aborts a poll whose body arrived in segments', (s) => {
  const url = s.session('/echo');
  s.get('a', '/echo/info').post('a', `${url}/xhr`);
  s.request('a', 'POST', `${url}/xhr`, { body: 'x'.repeat(200), cuts: [100, 200] }).settle();
  s.abort('a').settle();
});

scenario('a header line without a carriage return, after a SockJS request', (s) => {
  s.get('a', '/echo/info');
  s.get('a', '/echo/info', { 'X-Lines': 'a\nX-More: b' });
});

scenario('the address of a client whose connection Node closes because of later data', (s) => {
  const url = s.session('/shut');
  const first = encodeRequest(s.id, 'GET', `${url}/eventsource`, { version: '1.0' });
  const bytes = Buffer.concat([first, encodeRequest(s.id, 'GET', '/other')]);
  const requests = [summary('GET', url), summary('GET', '/other')];
  s.send('a', bytes, { requests, cuts: [first.length + 10] }).until('a', 'answers');
});

/** Requests in one segment. The last but one has Connection: close: for Node, data after it is an error. */
function pipelineBehindClose(s, ...targets) {
  const encode = (target, at) => {
    const headers = at === targets.length - 2 ? { Connection: 'close' } : {};
    return encodeRequest(s.id, 'GET', target, { headers });
  };
  const requests = targets.map((target) => summary('GET', target));
  s.send('a', Buffer.concat(targets.map(encode)), { requests }).until('a', 'answers');
}

for (const targets of [
  ['/echo/info', '/other'],
  ['/other', '/echo/info'],
  ['/echo/info', '/echo/info', '/other'],
  ['/other', '/echo/info', '/echo/info'],
]) {
  scenario(`data after a request with Connection close: ${targets.join(' ')}`, (s) => {
    pipelineBehindClose(s, ...targets);
  });
}

// At the error, Node discards answers that it has not written. sockjs-rs has written them by then.
deviation(
  11,
  'data after a request with Connection close, after SockJS requests',
  (s) => pipelineBehindClose(s.get('a', '/echo/info'), '/echo/info', '/echo/info', '/other'),
  ({ connections: { a } }) =>
    a.isClosed && a.responses.length === 3 && a.responses.every(({ line }) => / 200 /.test(line)),
);

module.exports = { FORM, PLAIN, POLLS, STREAMS, scenarios };
