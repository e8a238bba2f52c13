'use strict';

/**
 * @file The named scenarios: what contract sections 3 and 7 say, each played on both libraries.
 */

const { encodeFrame } = require('../support/websocket-client');
const { Script } = require('./script');

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

const PLAIN = { 'Content-Type': 'text/plain' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const STREAMS = [
  ['POST', 'xhr_streaming'],
  ['GET', 'eventsource'],
  ['GET', 'htmlfile?c=cb'],
];
/** The end of the second heartbeat of a stream. */
const BEATS = {
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
    s.say(url, 'one', 'two "\u2028 \ud800 é', 'three');
    if (isPoll) s.until('r', 'answers').settle().ask('r', method, `${url}/${receiver}`);
    else s.until('r', 'text', 'three');
    if (isPoll) s.request('r', method, `${url}/${receiver}`).settle();
    s.abort('r');
  });

  scenario(`${receiver} repeats the close frame until the delay has passed`, (s) => {
    const url = s.session('/echo');
    s.request('r', method, `${url}/${receiver}`)
      .until('r', isPoll ? 'answers' : 'head')
      .settle();
    s.say(url, '!close 3001 Go away');
    s.until('r', 'answers');
    s.ask('r', method, `${url}/${receiver}`).ask('q', method, `${url}/${receiver}`);
    s.say(url, 'dropped').ask('r', 'POST', `${url}/xhr`);
  });

  scenario(`${receiver} refuses a second receiver`, (s) => {
    const url = s.session('/echo');
    if (isPoll) s.ask('r', method, `${url}/${receiver}`);
    s.request('r', method, `${url}/${receiver}`).settle();
    if (!isPoll) s.until('r', 'head');
    for (const [other, name] of [...STREAMS, ...POLLS]) s.ask(`q${name}`, other, `${url}/${name}`);
    s.say(url, 'still here').until('r', 'text', 'still here');
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

  scenario(`${receiver} sets what cookies and origins ask for`, (s) => {
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

  scenario(`${receiver} beats`, (s) => {
    const url = s.session('/beat');
    s.request('r', method, `${url}/${receiver}`);
    if (isPoll) s.until('r', 'answers').ask('r', method, `${url}/${receiver}`);
    else s.until('r', 'text', BEATS[receiver]).stop('r');
  });

  scenario(`${receiver} outlives a message without a receiver but not its delay`, (s) => {
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

for (const [kind, targetOf, say] of WEBSOCKETS) {
  scenario(`${kind} echoes before it closes for a broken frame behind`, (s) => {
    s.handshake('w', targetOf(s)).frames('w', say('sync')).until('w', 'text', 'sync');
    s.frames('w', say('one'), say('two'), { payload: Buffer.from([0xff]) }).until('w', 'closed');
  });

  scenario(`${kind} echoes before it answers a close frame behind`, (s) => {
    s.handshake('w', targetOf(s)).frames('w', say('sync')).until('w', 'text', 'sync');
    s.frames('w', say('one'), { opcode: 8, payload: '' }).until('w', 'closed');
  });

  scenario(`${kind} waits for the client's close frame and answers pings meanwhile`, (s) => {
    s.handshake('w', targetOf(s)).frames('w', say('!close 3001 Bye')).until('w', 'text', 'Bye');
    s.frames('w', { opcode: 9, payload: 'still' }).until('w', 'pong', 'still');
    s.frames('w', say('dropped'), { payload: Buffer.from([0xff]) });
    s.frames('w', { opcode: 9, payload: 'again' }).until('w', 'pong', 'again');
    s.closeFrame('w', 3001).until('w', 'closed');
  });

  scenario(`${kind} hears a message in the segment of the handshake`, (s) => {
    const early = encodeFrame({ payload: say('early') });
    s.handshake('w', targetOf(s), { early });
    s.frames('w', say('late')).until('w', 'text', 'late');
  });
}

module.exports = { FORM, PLAIN, POLLS, STREAMS, scenarios };
