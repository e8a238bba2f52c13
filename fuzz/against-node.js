'use strict';

/**
 * @file Compares the core with Node on random inputs: with JSON.parse of V8, the quoting of 0.3.24, url.parse, and
 * Node's HTTP parser for requests that the gate lets through.
 *
 *     node fuzz/against-node.js --seconds 10 [--seed N]
 */

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const path = require('node:path');
const readline = require('node:readline');
const { Duplex } = require('node:stream');
const { parse } = require('node:url');
const { isDeepStrictEqual, parseArgs } = require('node:util');

const { quote } = require('sockjs/lib/utils');
const { Random } = require('../__test__/support/random');

const PROGRAM = path.join(__dirname, 'target', 'release', 'answers');
const BATCH = 200;

/** Parts of JSON, and texts that resemble them. */
const JSON_PARTS = ['[', ']', '{', '}', ',', ':', '"', '\\', ' ', '\n', 'null', 'true', 'false'];
JSON_PARTS.push('0', '-1', '1e5', '.5', '1.', '01', '"a"', '"\\ud83d"', '"\\u00e4"', '"😀"', '\\u');
JSON_PARTS.push('["a"]', '{"a":1}', '"\\n"', '\ufeff', '\u00a0', '\u2028', '\t', '\0', '"b","c"');

const TARGET_PARTS = [
  '/',
  '//',
  '\\',
  '?',
  '#',
  '@',
  ':',
  'http:',
  'a',
  '..',
  '%20',
  ' ',
  ';',
  '&',
];
TARGET_PARTS.push(
  '/echo',
  '/info',
  'host',
  '[::1]',
  '"',
  '<',
  '|',
  '^',
  '`',
  "'",
  '\t',
  'é',
  '%zz',
);

const HEADERS = ['Host: h', 'host:h', 'Content-Length: 3', 'content-length:0', 'Connection: close'];
HEADERS.push('Connection: keep-alive', 'Transfer-Encoding: chunked', 'X: y', 'X: a\r\n b', 'X : y');
HEADERS.push(
  'Content-Length: +3',
  'Content-Length: 3, 3',
  'Expect: 100-continue',
  'X:\t y \t',
  'X:',
);
HEADERS.push('Cookie: a="b; c', 'X: é', 'X: a\0b', 'X: a\rb', 'Origin: null', 'Content-Length: 03');

/**
 * A question: the line that the core gets, a function that checks the answer, and the input for error messages.
 *
 * @typedef {{ line: string, check: (answer: any) => void | Promise<void>, about: unknown }} Question
 */

async function main() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Date.now() % 1e6) },
    },
  });
  const random = new Random(Number(values.seed));
  const child = spawn(PROGRAM, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const server = http.createServer();
  const end = Date.now() + Number(values.seconds) * 1000;
  let count = 0;
  while (Date.now() < end) {
    const questions = Array.from({ length: BATCH }, () => random.pick(KINDS)(random, server));
    child.stdin.write(questions.map(({ line }) => `${line}\n`).join('') + '.\n');
    for (const { check, about } of questions) {
      const answer = JSON.parse((await lines.next()).value);
      try {
        await check(answer);
      } catch (error) {
        const text = JSON.stringify(about);
        throw new Error(`seed ${values.seed}: ${text}: ${error.message}`, { cause: error });
      }
      count++;
    }
    await lines.next();
  }
  child.stdin.end();
  await once(child, 'exit');
  console.log(`${count} questions, seed ${values.seed}`);
}

/** The kinds of questions. @type {((random: Random, server: http.Server) => Question)[]} */
const KINDS = [askQuote, askPayload, askTarget, askGate];

/** @param {Random} random */
function askQuote(random) {
  const units = Array.from({ length: random.int(0, 100) }, () =>
    random.pick([
      random.int(0, 0x7f),
      random.int(0x20, 0x7e),
      random.int(0, 0xffff),
      0xd83d,
      0xde00,
    ]),
  );
  const text = String.fromCharCode(...units);
  return {
    line: `q${Buffer.from(text, 'utf16le').toString('hex')}`,
    about: text,
    check(answer) {
      const quoted = Buffer.from(answer, 'hex').toString();
      same(quoted, quote(text));
      same(JSON.parse(quoted), text);
    },
  };
}

/** @param {Random} random */
function askPayload(random) {
  const parts = Array.from({ length: random.int(1, 12) }, () => random.pick(JSON_PARTS));
  let text = parts.join('');
  if (random.chance(0.5)) text = `[${text}]`;
  return {
    line: `p${Buffer.from(text).toString('hex')}`,
    about: text,
    check(answer) {
      const messages = answer?.map((message) =>
        'text' in message
          ? Buffer.from(message.text, 'hex').toString('utf16le')
          : JSON.parse(message.value),
      );
      same(messages ?? null, messagesOf(text));
    },
  };
}

/**
 * The messages that 0.3.24 finds in a websocket message; null if it is not JSON.
 *
 * @param {string} text
 */
function messagesOf(text) {
  if (text === '') return [];
  try {
    const value = JSON.parse(text);
    return text[0] === '[' ? value : [value];
  } catch {
    return null;
  }
}

/** @param {Random} random */
function askTarget(random) {
  const parts = Array.from({ length: random.int(1, 8) }, () => random.pick(TARGET_PARTS));
  const target = parts.join('');
  return {
    line: `t${Buffer.from(target, 'latin1').toString('hex')}`,
    about: target,
    check(answer) {
      same(answer, pathname(target));
    },
  };
}

/** @param {string} target */
function pathname(target) {
  try {
    return parse(target, true).pathname ?? '';
  } catch {
    return '';
  }
}

/**
 * @param {Random} random
 * @param {http.Server} server
 */
function askGate(random, server) {
  const method = random.pick(['GET', 'POST', 'OPTIONS', 'PUT']);
  const target = random.pick(['/s/info', '/s/1/a/xhr', '/s/1/a/xhr_send', '/s/1/a/jsonp_send?x']);
  const lines = Array.from({ length: random.int(0, 3) }, () => random.pick(HEADERS));
  if (random.chance(0.8)) lines.unshift('Host: h');
  const end = random.chance(0.95) ? '\r\n' : random.pick(['\n', '\r', ' \r\n']);
  const head = [`${method} ${target} HTTP/1.1`, ...lines, '', ''].join(end);
  const bytes = Buffer.from(head + random.pick(['', 'abc', 'abcGET /x HTTP/1.1\r\n']), 'latin1');
  return {
    line: `g${bytes.toString('hex')}`,
    about: bytes.toString('latin1'),
    async check(length) {
      // If the body is incomplete, Node waits for the rest as the core does.
      if (length === null || length > bytes.length) return;
      const found = await readByNode(server, bytes.subarray(0, length));
      same({ method: found.method, url: found.url }, { method, url: target });
      same(found.body, bytes.subarray(bytes.indexOf('\r\n\r\n') + 4, length).toString('latin1'));
      if (found.rest !== undefined) throw new Error(`Node reads more: ${found.rest}`);
    },
  };
}

/**
 * Lets Node's parser read bytes that should be exactly one request.
 *
 * @param {http.Server} server
 * @param {Buffer} bytes
 * @returns {Promise<{ method?: string, url?: string, body?: string, rest?: string }>}
 */
function readByNode(server, bytes) {
  return new Promise((resolve) => {
    const socket = new Duplex({ read() {}, write: (chunk, encoding, done) => done() });
    /** @type {{ method?: string, url?: string, body?: string, rest?: string }} */
    const found = {};
    const onRequest = (request) => {
      if (found.method !== undefined) found.rest = request.url;
      found.method ??= request.method;
      found.url ??= request.url;
      let body = '';
      request.setEncoding('latin1').on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        found.body ??= body;
        // Node may still read another request from the same bytes.
        setImmediate(finish);
      });
    };
    const onError = (error) => {
      found.rest = error.code;
      finish();
    };
    const finish = () => {
      server.removeListener('request', onRequest);
      server.removeListener('clientError', onError);
      socket.destroy();
      resolve(found);
    };
    server.on('request', onRequest);
    server.on('clientError', onError);
    server.emit('connection', socket);
    socket.push(bytes);
  });
}

/**
 * @param {unknown} ours
 * @param {unknown} theirs
 */
function same(ours, theirs) {
  if (isDeepStrictEqual(ours, theirs)) return;
  throw new Error(`the core says ${JSON.stringify(ours)}, Node ${JSON.stringify(theirs)}`);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
