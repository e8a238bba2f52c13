'use strict';

/**
 * @file examples/haproxy and examples/nginx: a proxy with two processes sends each session to one of them.
 * The tests use the committed configurations with other ports.
 */

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { describe, it } = require('node:test');

const { ROOT, TRANSPORTS, ask, connect, run, startExample, timeout } = require('./support');

/**
 * How to run each proxy with a configuration, and for each kind of affinity: the configuration, the line
 * that provides the affinity, and a replacement without it.
 *
 * @type {Record<string, {args: (file: string, folder: string) => string[],
 *   prefix: [string, RegExp, string], cookie: [string, RegExp, string]}>}
 */
const PROXIES = {
  haproxy: {
    args: (file) => ['-db', '-f', file],
    prefix: ['prefix.cfg', /^ +balance uri .*\n.*\n +hash-type .*$/m, ''],
    cookie: ['cookie.cfg', /^ +cookie JSESSIONID .*$/m, ''],
  },
  nginx: {
    args: (file, folder) => ['-e', 'stderr', '-p', folder, '-c', wrap(file, folder)],
    prefix: ['prefix.conf', /^ +hash .*;$/m, ''],
    cookie: ['cookie.conf', /\$sockjs;$/m, 'any;'],
  },
};

/**
 * Writes a main configuration that includes the one of the example.
 *
 * @param {string} file
 * @param {string} folder
 * @returns {string} its path
 */
function wrap(file, folder) {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n');
  const main = path.join(folder, 'nginx.conf');
  const head = `daemon off;\nmaster_process off;\npid ${folder}/pid;\nevents {}\n`;
  fs.writeFileSync(main, `${head}http {\naccess_log off;\n${temporary}\ninclude ${file};\n}\n`);
  return main;
}

/**
 * @param {string} name of a program
 * @returns {string} its path. The folders of system programs are not always on the PATH.
 */
function find(name) {
  const folders = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`.split(':');
  const found = folders
    .map((folder) => path.join(folder, name))
    .find((file) => fs.existsSync(file));
  assert.ok(found, `${name} was not found. Debian and Ubuntu: apt-get install ${name}`);
  return found;
}

/** @returns {Promise<number>} a free port: a proxy cannot choose one by itself */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Waits until a program listens.
 *
 * @param {number} port
 * @param {import('../support/child').Child} program
 */
async function listening(port, program) {
  for (;;) {
    assert.equal(program.status, undefined, program.errors);
    const socket = net.connect(port, '127.0.0.1');
    const open = await new Promise((resolve) => {
      socket.on('connect', () => resolve(true));
      socket.on('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await new Promise(setImmediate);
  }
}

/**
 * Starts two processes and a proxy for them.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} proxy
 * @param {'prefix' | 'cookie'} affinity
 * @param {boolean} [without] removes the line that provides the affinity
 * @returns {Promise<string>} the URL of the service at the proxy
 */
async function start(t, proxy, affinity, without = false) {
  const binary = find(proxy);
  const [name, line, replacement] = PROXIES[proxy][affinity];
  let config = fs.readFileSync(path.join(ROOT, 'examples', proxy, name), 'utf8');
  if (without) {
    assert.match(config, line);
    config = config.replace(line, replacement);
  }
  const one = await startExample(t, proxy, { NAME: 'one' });
  const two = await startExample(t, proxy, { NAME: 'two' });
  const port = await freePort();
  const ports = { 8080: port, 8081: one.port, 8082: two.port };
  for (const [written, real] of Object.entries(ports)) {
    const address = `127.0.0.1:${written}`;
    assert.ok(config.includes(address), address);
    config = config.replaceAll(address, `127.0.0.1:${real}`);
  }

  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sockjs-rs-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, name);
  fs.writeFileSync(file, config);
  const program = run(t, binary, PROXIES[proxy].args(file, folder));
  await listening(port, program);
  assert.doesNotMatch(program.errors, /\bwarn|alert|emerg|error/i);
  return `http://127.0.0.1:${port}/echo`;
}

/**
 * The cookie of a browser, because sockjs-client in Node has none: requests of this process send the cookie
 * that an earlier answer has set. Tests that need it run one after the other.
 */
const jar = { on: false, cookie: undefined };
const { request } = http;
http.request = (...args) => {
  const made = request(...args);
  if (jar.on) {
    if (jar.cookie) made.setHeader('Cookie', jar.cookie);
    made.on('response', ({ headers }) => {
      const [set] = headers['set-cookie'] ?? [];
      if (set) [jar.cookie] = set.split(';');
    });
  }
  return made;
};

/** @param {boolean} on whether requests have cookies; an earlier cookie is removed */
function useCookies(on) {
  jar.on = on;
  jar.cookie = undefined;
}

/**
 * @param {string} url
 * @param {string} [method]
 * @param {string} [body]
 * @returns {Promise<string>} status and body of the answer
 */
async function send(url, method = 'GET', body = '') {
  const req = http.request(url, { method, agent: false });
  req.end(body);
  const [res] = await once(req, 'response');
  let text = '';
  for await (const chunk of res) text += chunk;
  return `${res.statusCode} ${text}`;
}

/**
 * Opens a session and sends messages.
 *
 * @returns {Promise<string>} the name of the process that answered all of them
 */
async function processOf(t, url, transport, options) {
  const socket = await connect(t, url, transport, options);
  const messages = ['1', '2', '3', '4', '5', '6'];
  const answers = await ask(socket, messages);
  const [name] = answers[0].split(':');
  assert.deepEqual(
    answers,
    messages.map((message) => `${name}: ${message}`),
  );
  return name;
}

/**
 * Opens a session with one request and sends a message with the next.
 *
 * @param {string} url
 * @returns {Promise<string>} the answer to the second request
 */
async function openAndSend(url) {
  const session = `${url}/000/${crypto.randomUUID()}`;
  assert.equal(await send(`${session}/xhr`, 'POST'), '200 o\n');
  return send(`${session}/xhr_send`, 'POST', '["hello"]');
}

/**
 * Checks that the proxy forwards parts of a response immediately: at least one of several messages must be
 * fast. Without `option http-no-delay`, HAProxy delays each by 200 ms; sockjs-client's own delay is 25 ms.
 */
async function checkStream(t, url) {
  const socket = await connect(t, url, 'xhr-streaming');
  const delays = [];
  for (let count = 0; count < 8; count++) {
    const sentAt = performance.now();
    await ask(socket, ['hello']);
    delays.push(performance.now() - sentAt);
  }
  assert.ok(Math.min(...delays) < 150, `delays in ms: ${delays}`);
}

for (const proxy of Object.keys(PROXIES)) {
  describe(`examples/${proxy}, affinity by the server part of the URL`, () => {
    for (const transport of TRANSPORTS) {
      it(
        `a session stays with its process, and both are used: ${transport}`,
        { timeout },
        async (t) => {
          const url = await start(t, proxy, 'prefix');
          /** @type {Map<string, string>} processes by server part, until both occur */
          const names = new Map();
          for (let server = 100; new Set(names.values()).size < 2; server++) {
            assert.ok(server < 200, `all reached process ${[...new Set(names.values())]}`);
            names.set(`${server}`, await processOf(t, url, transport, { server: `${server}` }));
          }
          for (const [server, name] of names) {
            assert.equal(await processOf(t, url, transport, { server }), name);
          }
        },
      );
    }

    it('forwards each message of a stream immediately', { timeout }, async (t) => {
      await checkStream(t, await start(t, proxy, 'prefix'));
    });

    it('without it, a message reaches the other process', { timeout }, async (t) => {
      assert.equal(await openAndSend(await start(t, proxy, 'prefix')), '204 ');
      assert.equal((await openAndSend(await start(t, proxy, 'prefix', true))).slice(0, 3), '404');
    });
  });

  describe(`examples/${proxy}, affinity by the cookie JSESSIONID`, () => {
    for (const transport of TRANSPORTS) {
      it(
        `a client stays with its process, and both are used: ${transport}`,
        { timeout },
        async (t) => {
          const url = await start(t, proxy, 'cookie');
          const names = new Set();
          for (let client = 0; client < 4; client++) {
            useCookies(true);
            const name = await processOf(t, url, transport);
            // Websockets of this process have no cookies. In a browser, earlier requests have set them.
            if (transport !== 'websocket') assert.equal(await processOf(t, url, transport), name);
            names.add(name);
            // Requests without a cookie go to the processes in turn. An additional one changes the next process.
            useCookies(false);
            if (client % 2 === 0) await send(`${url}/info`);
          }
          assert.deepEqual([...names].sort(), ['one', 'two']);
        },
      );
    }

    it('forwards each message of a stream immediately', { timeout }, async (t) => {
      useCookies(true);
      await checkStream(t, await start(t, proxy, 'cookie'));
      useCookies(false);
    });

    it('without it, a message reaches the other process', { timeout }, async (t) => {
      useCookies(true);
      assert.equal(await openAndSend(await start(t, proxy, 'cookie')), '204 ');
      useCookies(true);
      assert.equal((await openAndSend(await start(t, proxy, 'cookie', true))).slice(0, 3), '404');
      useCookies(false);
    });
  });
}
