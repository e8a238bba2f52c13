'use strict';

/** @file Examples with one echo service on one http server: with each framework, and over https. */

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');

const { ROOT, TRANSPORTS, ask, connect, run, startExample, timeout } = require('./support');

const NODE = Number(process.versions.node.split('.')[0]);

/** Folder in `examples/` → the application's answer to other requests. */
const EXAMPLES = {
  echo: 'The echo is under /echo.\n',
  express: 'Express answers here, the echo under /echo.\n',
  fastify: 'Fastify answers here, the echo under /echo.\n',
  hapi: 'hapi answers here, the echo under /echo.\n',
  https: 'The echo is under /echo.\n',
  koa: 'Koa answers here, the echo under /echo.\n',
};

/** The Node version that a framework needs. */
const SINCE = { fastify: 20 };

const MESSAGES = ['hello', '"\\ \u2028 ä€ 🧦', 'x'.repeat(3000)];

/** The folder of the certificate for the https example. */
let folder;
/** The environment of its server. */
let tls;

/** Makes the certificate with the command in the example's first comment. */
function makeCertificate() {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sockjs-rs-'));
  const text = fs.readFileSync(path.join(ROOT, 'examples/https/server.js'), 'utf8');
  const [command] = text.match(/openssl req [^]*? cert\.pem/);
  const line = command.replace(/\\\n \*/g, '');
  execFileSync('sh', ['-c', line], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  tls = { KEY: path.join(folder, 'key.pem'), CERT: path.join(folder, 'cert.pem') };
  // sockjs-client uses the global agent for requests, and `options` for websockets.
  https.globalAgent.options.ca = fs.readFileSync(tls.CERT);
}

/** Options of sockjs-client; only https needs them. */
const options = () => ({
  transportOptions: {
    websocket: { tls: { ca: https.globalAgent.options.ca, servername: 'localhost' } },
  },
});

before(makeCertificate);
after(() => fs.rmSync(folder, { recursive: true }));

/** @param {string} url */
async function get(url) {
  const [response] = await once((url.startsWith('https') ? https : http).get(url), 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

for (const [name, answer] of Object.entries(EXAMPLES)) {
  const skip = SINCE[name] > NODE && `${name} needs Node ${SINCE[name]} or later`;
  describe(`examples/${name}`, { concurrency: 4, skip }, () => {
    for (const transport of TRANSPORTS) {
      it(`echoes over ${transport}`, { timeout }, async (t) => {
        const { url } = await startExample(t, name, tls);
        const socket = await connect(t, url, transport, options());
        assert.deepEqual(await ask(socket, MESSAGES), MESSAGES);
      });
    }

    it('the application answers other requests', { timeout }, async (t) => {
      const { url } = await startExample(t, name, tls);
      assert.equal(await get(new URL('/', url).href), answer);
    });

    it('Ctrl-C ends it although a client is connected', { timeout }, async (t) => {
      const { program, url } = await startExample(t, name, tls);
      const socket = await connect(t, url, 'websocket', options());
      const closed = new Promise((resolve) => (socket.onclose = resolve));
      program.process.kill('SIGINT');
      assert.deepEqual(await program.exit(), { code: 0, signal: null });
      assert.equal(program.errors, '');
      await closed;
    });

    it('says which port is in use, and how to choose another', { timeout }, async (t) => {
      const { port } = await startExample(t, name, tls);
      const file = `examples/${name}/server.js`;
      const second = run(t, process.execPath, [file], { PORT: String(port), ...tls });
      assert.deepEqual(await second.exit(), { code: 1, signal: null });
      assert.match(second.errors, new RegExp(`^listen EADDRINUSE.*:${port}\\. .*PORT=\\d+.*\\n$`));
    });
  });
}

describe('examples/https without a certificate', () => {
  it('says how to make one', { timeout }, async (t) => {
    const missing = { PORT: '0', KEY: 'missing.pem', CERT: 'missing.pem' };
    const program = run(t, process.execPath, ['examples/https/server.js'], missing);
    assert.deepEqual(await program.exit(), { code: 1, signal: null });
    assert.match(program.errors, /missing\.pem.*examples\/https\/server\.js says how/);
  });
});
