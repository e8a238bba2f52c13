'use strict';

/*
 * The application under test. It runs on sockjs 0.3.24 and on sockjs-rs, each in a process of its own
 * (`node app.js <library>`, with an IPC channel). It echoes messages, executes messages that begin with '!'
 * as commands, and records the events of each case. The User-Agent of a connection is the id of its case.
 */

const crypto = require('crypto');
const http = require('http');

const { answerParent } = require('../support/answers');
const sockjs = require(process.argv[2]);

/** Milliseconds that a report waits for the sessions of its case to end. */
const TIMEOUT_MS = 6000;

/** Milliseconds. Short, so that the sessions of a case end soon, but longer than the script of any case. */
const DISCONNECT_DELAY = 1500;

/** Milliseconds. Longer than any case, so that connections do not end by themselves during a case. */
const KEEP_ALIVE = 60000;

/** @type {Map<string, {sessions: Recorder[], open: number, log: string[], closed?: () => void}>} */
const cases = new Map();

/** Uncaught exceptions since the last report. @type {string[]} */
const uncaught = [];

function caseOf(id) {
  if (!cases.has(id)) cases.set(id, { sessions: [], open: 0, log: [] });
  return cases.get(id);
}

/**
 * @param {unknown} value
 * @returns {string} a text for the value; different values have different texts
 */
function describe(value) {
  if (typeof value === 'string') {
    const text = JSON.stringify(value);
    if (text.length < 400) return text;
    const hash = crypto.createHash('sha1').update(text).digest('hex').slice(0, 8);
    return `${text.slice(0, 40)}… (${value.length}, ${hash})`;
  }
  if (Buffer.isBuffer(value)) return `Buffer ${describe(value.toString('latin1'))}`;
  if (Object.is(value, -0)) return '-0';
  if (Array.isArray(value)) return `[${value.map(describe).join()}]`;
  if (value instanceof Error) return `Error ${describe(value.message)}`;
  if (typeof value === 'object' && value !== null) {
    const own = Object.keys(value).map((key) => `${JSON.stringify(key)}:${describe(value[key])}`);
    const proto = Object.getPrototypeOf(value);
    const kind = proto === Object.prototype ? '' : proto === null ? 'null ' : 'odd ';
    return `${kind}{${own.join()}}`;
  }
  return String(value);
}

/** Records the events of one connection, in order. */
class Recorder {
  #properties = '';

  constructor(conn) {
    this.conn = conn;
    this.entries = [];
  }

  /** Records an event, and before it the connection's properties if they have changed. */
  record(what, value) {
    const { conn } = this;
    const properties = {
      url: conn.url,
      pathname: conn.pathname,
      protocol: conn.protocol,
      headers: conn.headers,
    };
    // Only sockjs-rs has `origin` (deviation 1), so it does not count as a change.
    const headers = { ...properties.headers, origin: undefined };
    const text = JSON.stringify({ ...properties, headers });
    if (text !== this.#properties) {
      this.#properties = text;
      const { remotePort, remoteAddress } = conn;
      this.entries.push({ properties, remotePort, remoteAddress });
    }
    this.entries.push({ what, value, readyState: conn.readyState });
  }

  /** Records the result of a call, or what it throws. */
  call(what, fn) {
    let result;
    try {
      const returned = fn();
      result = returned === this.conn ? 'itself' : describe(returned);
    } catch (error) {
      result = `throws ${error.constructor.name}: ${error.message}`;
    }
    this.record(what, result);
  }
}

/** The commands. They do what an application may do with a connection. */
const COMMANDS = {
  close: (recorder, conn, code, ...reason) => {
    const args = code === undefined ? [] : [Number(code), ...reason];
    recorder.call('close', () => conn.close(...args));
    recorder.call('write after', () => conn.write('after'));
    recorder.call('close again', () => conn.close());
  },
  reason: (recorder, conn, json) =>
    recorder.call('close', () => conn.close(3333, JSON.parse(json))),
  end: (recorder, conn, text) => recorder.call('end()', () => conn.end(text)),
  destroy: (recorder, conn) => recorder.call('destroy', () => conn.destroy()),
  soon: (recorder, conn) => recorder.call('destroySoon', () => conn.destroySoon()),
  later: (recorder, conn) =>
    setImmediate(() => recorder.call('close later', () => conn.close(3210, 'Later'))),
  write: (recorder, conn, ...texts) => {
    for (const text of texts) recorder.call('write', () => conn.write(text));
  },
  value: (recorder, conn, json) => recorder.call('write', () => conn.write(JSON.parse(json))),
  bytes: (recorder, conn, hex) => recorder.call('write', () => conn.write(Buffer.from(hex, 'hex'))),
  nothing: () => {},
  big: (recorder, conn, length) => recorder.call('write', () => conn.write('x'.repeat(length))),
  throw: () => {
    throw new Error('thrown by a listener');
  },
};

function accept(conn, behaviour) {
  if (conn === null || conn === undefined) {
    uncaught.push(`'connection' with ${conn}`);
    return;
  }
  const recorder = new Recorder(conn);
  const own = caseOf(conn.headers['user-agent']);
  own.sessions.push(recorder);
  own.open++;
  recorder.record('connection', {
    prefix: conn.prefix,
    readable: conn.readable,
    writable: conn.writable,
    isNamed: String(conn) === `<SockJSConnection ${conn.id}>`,
    hasUuid: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(conn.id),
    family: conn.address?.family,
  });
  conn.on('data', (message) => {
    recorder.record('data', describe(message));
    const words = typeof message === 'string' && message[0] === '!' ? message.split(' ') : [];
    const command = words.length > 0 && COMMANDS[words[0].slice(1)];
    if (command) command(recorder, conn, ...words.slice(1));
    else recorder.call('write', () => conn.write(message));
  });
  conn.on('end', (...args) => recorder.record('end', describe(args)));
  conn.on('error', (...args) => recorder.record('error', describe(args)));
  conn.once('close', (...args) => {
    const family = conn.address?.family;
    recorder.record('close', { args: describe(args), remoteAddress: conn.remoteAddress, family });
    recorder.call('write', () => conn.write('closed'));
    recorder.call('close', () => conn.close(3000, 'closed'));
    own.open--;
    own.closed?.();
    conn.on('close', () => recorder.record('close again', ''));
  });
  // `destroy` removes all listeners, so that 'close' never arrives.
  const { removeAllListeners } = conn;
  conn.removeAllListeners = function () {
    removeAllListeners.apply(this, arguments);
    if (this.readyState < 3) own.open--;
    return this;
  };
  behaviour?.(recorder, conn);
}

/** @param {http.Server} httpServer */
function addService(httpServer, options, behaviour) {
  const log = (severity, line) => {
    const [id] = /\bcase-\w+/.exec(line) ?? [];
    if (options.prefix === '/log' && id) {
      caseOf(id).log.push(`${severity} ${line.replace(/ \d+ms /, ' #ms ').split('\n')[0]}`);
    }
  };
  const service = sockjs.createServer({ disconnect_delay: DISCONNECT_DELAY, log, ...options });
  service.on('connection', (conn) => accept(conn, behaviour));
  service.installHandlers(httpServer);
}

const SERVICES = [
  [{ prefix: '/echo', response_limit: 4096 }],
  [{ prefix: '/log' }],
  [{ prefix: '/nolimit', response_limit: 0 }],
  [{ prefix: '/nows', websocket: false }],
  [{ prefix: '/cookie', jsessionid: true, response_limit: '300' }],
  [
    {
      prefix: '/fcookie',
      jsessionid: (req, res) => {
        res.setHeader?.('Set-Cookie', `JSESSIONID=f${req.cookies.JSESSIONID}; path=/`);
      },
    },
  ],
  [{ prefix: '/nocors', disable_cors: true, base_url: 'http://base', sockjs_url: '/s"<>.js' }],
  [{ prefix: '/frame', sockjs_url: '/é.js' }],
  [{ prefix: '/dollar', sockjs_url: '/$&.js' }],
  [
    {
      prefix: '/faye',
      base_url: () => 'http://from/a/function',
      faye_server_options: { maxLength: 1000, headers: { 'X-Faye': 'yes' } },
      websocket: 'yes',
    },
  ],
  [{ prefix: '/shut' }, (recorder, conn) => COMMANDS.close(recorder, conn, 3000, 'Go', 'away!')],
  [{ prefix: '/greet' }, (recorder, conn) => COMMANDS.write(recorder, conn, 'hello', 'more')],
  [
    { prefix: '/bye' },
    (recorder, conn) => {
      recorder.call('write', () => conn.write('hello'));
      recorder.call('end()', () => conn.end('bye'));
    },
  ],
  [{ prefix: '/beat', heartbeat_delay: 150 }],
  [{ prefix: '(?:/[^/]+)?/group' }],
  [{ prefix: '.*/free(?:/[no]=\\w+)?' }],
  [{ prefix: '/capture(/[no]=\\w+)' }],
];

/** Answers requests that are not for SockJS with a report of the request. */
function answer(req, res) {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => {
    const { method, url, httpVersion } = req;
    const headers = { ...req.headers };
    const seen = { method, url, httpVersion, headers, body: describe(Buffer.concat(chunks)) };
    const text = JSON.stringify(seen);
    if (url.includes('length')) res.setHeader('Content-Length', Buffer.byteLength(text));
    res.setHeader('Content-Type', 'application/json');
    res.end(text);
  });
}

/** Answers upgrades that are not for SockJS. */
function upgrade(req, socket) {
  socket.on('error', () => {});
  socket.end(`HTTP/1.1 418 Teapot\r\nConnection: close\r\n\r\n${req.method} ${req.url}`);
}

function createHttpServer(services) {
  const httpServer = http.createServer(answer);
  httpServer.keepAliveTimeout = KEEP_ALIVE;
  httpServer.on('upgrade', upgrade);
  for (const [options, behaviour] of services) addService(httpServer, options, behaviour);
  return new Promise((resolve) => {
    httpServer.listen(0, '127.0.0.1', () => resolve(httpServer.address().port));
  });
}

/** Calls back after a few iterations of the event loop, so that pending events have been handled. */
function settle(done, rounds = 8) {
  if (rounds === 0) done();
  else if (rounds % 3 === 0) setTimeout(settle, 1, done, rounds - 1);
  else setImmediate(settle, done, rounds - 1);
}

/** Replies with the records of a case as soon as its sessions have ended. */
function report(id, reply) {
  const own = caseOf(id);
  const finish = () => {
    clearTimeout(timer);
    own.closed = undefined;
    cases.delete(id);
    reply({
      sessions: own.sessions.map(({ entries }) => entries),
      log: own.log,
      unfinished: own.open,
      uncaught: uncaught.splice(0),
    });
  };
  const timer = setTimeout(finish, TIMEOUT_MS);
  own.closed = () => {
    if (own.open === 0) settle(finish);
  };
  settle(own.closed);
}

process.on('uncaughtException', (error) => uncaught.push(`${error.name}: ${error.message}`));
process.on('disconnect', () => process.exit());

const listening = Promise.all([
  createHttpServer(SERVICES),
  createHttpServer([[{ prefix: '', response_limit: 1000 }]]),
]);

answerParent({
  ports: () => listening,
  settle: () => new Promise((resolve) => settle(resolve)),
  report: (id) => new Promise((resolve) => report(id, resolve)),
});
