'use strict';

/*
 * The application that is run twice, on sockjs 0.3.24 and on sockjs-rs, each in a process of its own
 * (`node app.js <library>`, with an IPC channel). It echoes, obeys messages that begin with '!', and
 * notes for each case all that it sees. The case of a connection is its User-Agent.
 */

const crypto = require('crypto');
const http = require('http');

const { answerParent } = require('../support/answers');
const sockjs = require(process.argv[2]);

/** Milliseconds that a report waits for the sessions of its case to end. */
const TIMEOUT_MS = 6000;

/** Milliseconds; short, so that the sessions of a case end soon, but longer than any case plays. */
const DISCONNECT_DELAY = 1500;

/** Milliseconds; longer than any case plays, or whether a connection is still open would be a race. */
const KEEP_ALIVE = 60000;

/** @type {Map<string, {sessions: Notes[], open: number, log: string[], closed?: () => void}>} */
const cases = new Map();

/** What was thrown and nobody caught, with the cases that were open then. @type {string[]} */
const uncaught = [];

function caseOf(id) {
  if (!cases.has(id)) cases.set(id, { sessions: [], open: 0, log: [] });
  return cases.get(id);
}

/**
 * @param {unknown} value
 * @returns {string} the value in words that differ when values differ
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

/** All that happened to one connection, in order. */
class Notes {
  constructor(conn) {
    this.conn = conn;
    this.entries = [];
    this.facts = '';
  }

  /** Notes something, and before it what has changed of the connection's properties. */
  note(what, value) {
    const { conn } = this;
    const facts = {
      url: conn.url,
      pathname: conn.pathname,
      protocol: conn.protocol,
      headers: conn.headers,
    };
    // Only sockjs-rs shows `origin` (deviation 1); it must not make facts new.
    const text = JSON.stringify({ ...facts, headers: { ...facts.headers, origin: undefined } });
    if (text !== this.facts) {
      this.facts = text;
      this.entries.push({ facts, remotePort: conn.remotePort, remoteAddress: conn.remoteAddress });
    }
    this.entries.push({ what, value, readyState: conn.readyState });
  }

  /** Notes what a call returns or throws. */
  call(what, fn) {
    let result;
    try {
      const returned = fn();
      result = returned === this.conn ? 'itself' : describe(returned);
    } catch (error) {
      result = `throws ${error.constructor.name}: ${error.message}`;
    }
    this.note(what, result);
  }
}

/** What an application may do with a connection when a message says so. */
const COMMANDS = {
  close: (notes, conn, code, ...reason) => {
    const args = code === undefined ? [] : [Number(code), ...reason];
    notes.call('close', () => conn.close(...args));
    notes.call('write after', () => conn.write('after'));
    notes.call('close again', () => conn.close());
  },
  reason: (notes, conn, json) => notes.call('close', () => conn.close(3333, JSON.parse(json))),
  end: (notes, conn, text) => notes.call('end()', () => conn.end(text)),
  destroy: (notes, conn) => notes.call('destroy', () => conn.destroy()),
  soon: (notes, conn) => notes.call('destroySoon', () => conn.destroySoon()),
  later: (notes, conn) =>
    setImmediate(() => notes.call('close later', () => conn.close(3210, 'Later'))),
  write: (notes, conn, ...texts) => {
    for (const text of texts) notes.call('write', () => conn.write(text));
  },
  value: (notes, conn, json) => notes.call('write', () => conn.write(JSON.parse(json))),
  bytes: (notes, conn, hex) => notes.call('write', () => conn.write(Buffer.from(hex, 'hex'))),
  nothing: () => {},
  big: (notes, conn, length) => notes.call('write', () => conn.write('x'.repeat(length))),
  throw: () => {
    throw new Error('thrown by a listener');
  },
};

function accept(conn, behaviour) {
  if (conn === null || conn === undefined) {
    uncaught.push(`'connection' with ${conn}`);
    return;
  }
  const notes = new Notes(conn);
  const own = caseOf(conn.headers['user-agent']);
  own.sessions.push(notes);
  own.open++;
  notes.note('connection', {
    prefix: conn.prefix,
    readable: conn.readable,
    writable: conn.writable,
    isNamed: String(conn) === `<SockJSConnection ${conn.id}>`,
    hasUuid: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(conn.id),
    family: conn.address?.family,
  });
  conn.on('data', (message) => {
    notes.note('data', describe(message));
    const words = typeof message === 'string' && message[0] === '!' ? message.split(' ') : [];
    const command = words.length > 0 && COMMANDS[words[0].slice(1)];
    if (command) command(notes, conn, ...words.slice(1));
    else notes.call('write', () => conn.write(message));
  });
  conn.on('end', (...args) => notes.note('end', describe(args)));
  conn.on('error', (...args) => notes.note('error', describe(args)));
  conn.once('close', (...args) => {
    const family = conn.address?.family;
    notes.note('close', { args: describe(args), remoteAddress: conn.remoteAddress, family });
    notes.call('write', () => conn.write('closed'));
    notes.call('close', () => conn.close(3000, 'closed'));
    own.open--;
    own.closed?.();
    conn.on('close', () => notes.note('close again', ''));
  });
  // `destroy` takes away all listeners; the application would never hear of the end.
  const { removeAllListeners } = conn;
  conn.removeAllListeners = function () {
    removeAllListeners.apply(this, arguments);
    if (this.readyState < 3) own.open--;
    return this;
  };
  behaviour?.(notes, conn);
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
  [{ prefix: '/shut' }, (notes, conn) => COMMANDS.close(notes, conn, 3000, 'Go', 'away!')],
  [{ prefix: '/greet' }, (notes, conn) => COMMANDS.write(notes, conn, 'hello', 'more')],
  [
    { prefix: '/bye' },
    (notes, conn) => {
      notes.call('write', () => conn.write('hello'));
      notes.call('end()', () => conn.end('bye'));
    },
  ],
  [{ prefix: '/beat', heartbeat_delay: 150 }],
  [{ prefix: '(?:/[^/]+)?/group' }],
  [{ prefix: '.*/free(?:/[no]=\\w+)?' }],
  [{ prefix: '/capture(/[no]=\\w+)' }],
];

/** What the application answers to requests that are not SockJS's. */
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

/** An upgrade that is not SockJS's. */
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

/** Calls back when the event loop has gone around a few times: what was under way has arrived. */
function settle(done, rounds = 8) {
  if (rounds === 0) done();
  else if (rounds % 3 === 0) setTimeout(settle, 1, done, rounds - 1);
  else setImmediate(settle, done, rounds - 1);
}

/** Answers with all that happened in a case, as soon as its sessions have ended. */
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
