'use strict';

/**
 * @file Random sessions over the HTTP transports.
 */

const { ODD_HEADERS, TYPES, chunked, form, someHeaders } = require('./generate-http');
const values = require('./values');

const RECEIVERS = [
  [4, ['POST', 'xhr']],
  [2, ['GET', 'jsonp?c=cb']],
  [2, ['POST', 'xhr_streaming']],
  [1, ['GET', 'eventsource']],
  [1, ['GET', 'htmlfile?c=parent.cb']],
];

const SERVICES = [
  [6, '/echo'],
  [1, '/nolimit'],
  [2, '/cookie'],
  [1, '/nocors'],
  [1, '/shut'],
  [1, '/greet'],
  [1, '/bye'],
  [1, '/x/group'],
  [1, '/y/free/no=1'],
];

/** @returns {string} a command for the application */
function command(random) {
  return random.weighted([
    [3, () => '!close'],
    [
      3,
      () =>
        `!close ${random.pick([1000, 1001, 2000, 3000, 4999, 0, -1, 1e9, 'x', '1.5'])} ${values.text(random)}`,
    ],
    [1, () => `!reason ${values.json(random)}`],
    [1, () => '!end'],
    [2, () => `!end ${values.text(random, 3).replace(/ /g, '')}`],
    [1, () => '!destroy'],
    [1, () => '!soon'],
    [1, () => '!later'],
    [6, () => `!write ${values.text(random)} b c`],
    [4, () => `!value ${values.json(random)}`],
    [1, () => `!bytes ${random.pick(['', 'ff', '68c3a9', 'eda080', '00'])}`],
    [3, () => `!big ${random.pick([1, 100, 290, 295, 1000, 4000, 5000, 70000])}`],
  ])();
}

/**
 * @param {import('../support/random').Random} random
 * @param {import('./script').Script} script
 */
function session(random, script) {
  const service = random.weighted(SERVICES);
  const url = script.session(service);
  let receivers = 0;
  const lastReceiver = () => `r${receivers}`;

  const receive = () => {
    const [method, name] = random.weighted(RECEIVERS);
    const isPoll = /^xhr$|jsonp/.test(name);
    if (receivers === 0 || random.chance(0.3)) receivers++;
    const headers = random.chance(0.2) ? someHeaders(random) : {};
    for (const odd of ODD_HEADERS) delete headers[odd];
    script.request(lastReceiver(), method, `${url}/${name}`, { headers, idle: true });
    if (!isPoll) script.until(lastReceiver(), 'head');
    script.settle().settle();
  };

  const send = (bytes, isForm) => {
    const headers = random.chance(0.2) ? someHeaders(random) : {};
    for (const odd of ODD_HEADERS) delete headers[odd];
    const type = isForm ? 'application/x-www-form-urlencoded' : 'text/plain';
    const chosen = random.chance(0.85) ? type : random.pick(TYPES);
    if (chosen !== undefined) headers['Content-Type'] = chosen;
    let body = bytes;
    if (random.chance(0.1)) {
      headers['Transfer-Encoding'] = 'chunked';
      body = chunked(random, bytes);
    }
    const cuts = random.chance(0.3) ? random.cuts(body.length + 100, 3) : [];
    const target = `${url}/${isForm ? 'jsonp_send' : 'xhr_send'}`;
    script.request('s', 'POST', target, { headers, body, cuts, idle: true });
    script.until('s', 'answers').settle();
  };

  const sendBody = () => {
    if (random.chance(0.25)) send(form(random), true);
    else send(values.body(random), false);
    sendMark();
  };

  const sendCommand = () => {
    const others = random.chance(0.4) ? [JSON.parse(values.string(random))] : [];
    send(Buffer.from(JSON.stringify([command(random), ...others])), false);
    sendMark();
  };

  /** Sends a message and waits for its echo: then the messages before it have been handled. */
  const sendMark = () => {
    const mark = `mark${script.steps.length}`;
    script.request('s', 'POST', `${url}/xhr_send`, { body: JSON.stringify([mark]), idle: true });
    script.until('s', 'answers').settle().until('*', 'text', mark);
  };

  if (random.chance(0.95)) receive();
  for (let turn = random.int(1, 8); turn > 0; turn--) {
    random.weighted([
      [5, receive],
      [5, sendBody],
      [2, sendCommand],
      [0.5, () => script.abort(lastReceiver()).settle().settle()],
      [0.3, () => script.finish(lastReceiver()).settle().settle()],
      [0.5, () => script.get('s', '/other').settle()],
    ])();
  }
}

module.exports = { command, session };
