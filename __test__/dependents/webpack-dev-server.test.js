'use strict';

/**
 * webpack-dev-server with SockJS as its transport: a page in Chromium gets a changed module without a
 * reload, and clients in Node are notified of the change.
 */

const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const { EventEmitter, once } = require('node:events');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const playwright = require('playwright-core/package.json');
const { ingresses } = require('../support/library');
const { connect, next } = require('./support-sockjs-client');

const DEV_SERVER = path.join(__dirname, 'fixtures/dev-server.js');

/** Both major versions, as they are named in package.json. */
const PACKAGES = ['webpack-dev-server4', 'webpack-dev-server'];

/** The files to serve: a page that shows a word, and replaces it when its module changes. */
const FILES = {
  'index.html': '<!doctype html><title>page</title><p></p><script src="/main.js"></script>',
  'word.js': "module.exports = 'before';",
  'main.js': `
    const show = () => (document.querySelector('p').textContent = require('./word.js'));
    show();
    module.hot.accept('./word.js', show);
  `,
};

/** A modification time that is old enough: the watcher takes new files for changed ones. */
const LONG_AGO = new Date(2020, 0);

/** Setting → options of the dev server, and the transport that its page then uses. */
const SETTINGS = {
  'over http': [{ server: 'http', webSocketServer: 'sockjs' }, 'websocket'],
  'over https': [{ server: 'https', webSocketServer: 'sockjs' }, 'websocket'],
  'over http, without websockets': [
    {
      server: 'http',
      webSocketServer: { type: 'sockjs', options: { path: '/hot', websocket: false } },
    },
    'xhr-streaming',
  ],
};

/** Milliseconds after which a test fails. webpack takes most of the time. */
const timeout = 90000;

/** The reason to skip the tests with pages: playwright-core ends the process of a Node that is too old. */
const [needed] = /\d+/.exec(playwright.engines.node);
const skip =
  Number(process.versions.node.split('.')[0]) < Number(needed) &&
  `playwright-core ${playwright.version} needs Node ${needed}`;

/** Dev servers that run. A test that times out leaves one. */
const running = new Set();
after(() => running.forEach((child) => child.kill('SIGKILL')));

/** @returns {Promise<string>} a new folder with FILES */
async function makeFolder() {
  // The watcher does not follow links, and the folder for temporary files may be a link.
  const parent = await fs.realpath(os.tmpdir());
  const folder = await fs.mkdtemp(path.join(parent, 'sockjs-rs-'));
  for (const [name, text] of Object.entries(FILES)) {
    await fs.writeFile(path.join(folder, name), text);
    await fs.utimes(path.join(folder, name), LONG_AGO, LONG_AGO);
  }
  return folder;
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} event
 * @returns {Promise<object>} the next message of this kind from the dev server
 */
function nextMessage(child, event) {
  return new Promise((resolve, reject) => {
    child.on('message', (message) => message.event === event && resolve(message));
    child.on('exit', (code) => reject(new Error(`the dev server ended with ${code}`)));
  });
}

/**
 * Runs a test with a dev server. Its process must exit by itself after the server has stopped.
 *
 * @param {{name: string, ingress: string, options: object}} setting
 * @param {(tools: {url: string, child: import('node:child_process').ChildProcess,
 *   change: (word: string) => Promise<void>}) => Promise<void>} test
 */
async function withDevServer({ name, ingress, options }, test) {
  const folder = await makeFolder();
  const change = (word) =>
    fs.writeFile(path.join(folder, 'word.js'), `module.exports = '${word}';`);
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, SOCKJS_RS_DOOR: ingress };
  const child = fork(DEV_SERVER, [name, folder, JSON.stringify(options)], { env });
  const exited = once(child, 'exit');
  running.add(child);
  try {
    const { port } = await nextMessage(child, 'listening');
    await test({ url: `${options.server}://127.0.0.1:${port}`, child, change });
    child.disconnect();
    assert.deepEqual(await exited, [0, null]);
  } finally {
    child.kill('SIGKILL');
    await exited;
    running.delete(child);
    await fs.rm(folder, { recursive: true });
  }
}

for (const ingress of ingresses) {
  // One at a time: sockjs-client falls back to the next transport after 2 × (300 ms + the time of /info).
  // With several tests at once, a websocket may take longer to open.
  describe(`a page in Chromium, ingress: ${ingress}`, { concurrency: 1, skip }, () => {
    let browser;
    before(async () => {
      if (!skip) browser = await require('../browser/support').launch();
    });
    after(() => browser?.close());

    /**
     * @param {(page: import('playwright-core').Page) => Promise<void>} test gets a page in a new profile
     */
    async function withPage(test) {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      try {
        await test(await context.newPage());
      } finally {
        await context.close();
      }
    }

    /**
     * @param {import('playwright-core').Page} page
     * @param {string} word
     */
    const waitForWord = (page, word) => page.locator('p', { hasText: word }).waitFor();

    for (const name of PACKAGES) {
      const { version } = require(`${name}/package.json`);
      for (const [how, [options, protocol]] of Object.entries(SETTINGS)) {
        it(`gets hot updates from webpack-dev-server ${version} ${how}`, { timeout }, () =>
          withDevServer({ name, ingress, options }, ({ url, child, change }) =>
            withPage(async (page) => {
              const connected = nextMessage(child, 'connection');
              const upgraded = [];
              page.on('websocket', (socket) => upgraded.push(socket.url()));
              await page.goto(url);
              await waitForWord(page, 'before');
              const connection = await connected;
              assert.equal(connection.protocol, protocol);
              assert.equal(connection.origin, url);

              await page.evaluate('window.loadedOnce = true');
              await change('after');
              await waitForWord(page, 'after');
              assert.equal(await page.evaluate('window.loadedOnce'), true);
              assert.deepEqual(
                upgraded.map((target) => new URL(target).pathname),
                protocol === 'websocket' ? [new URL(connection.url, url).pathname] : [],
              );
            }),
          ),
        );
      }
    }
  });

  describe(`clients in Node, ingress: ${ingress}`, { concurrency: 2 }, () => {
    /**
     * @param {string} url of the dev server
     * @param {string} origin the client's Origin header
     * @returns {Promise<{socket: object, until: (type: string) => Promise<Record<string, unknown>>}>}
     *   `until` waits for a message of the type. It returns, by type, the data of the messages since the
     *   last call.
     */
    async function open(url, origin) {
      const messages = new EventEmitter();
      const data = new Map();
      const socket = await connect(`${url}/ws`, {
        transports: 'websocket',
        transportOptions: { websocket: { headers: { Origin: origin } } },
        onmessage: (event) => {
          const message = JSON.parse(event.data);
          data.set(message.type, message.data);
          messages.emit('message');
        },
      });
      const until = async (type) => {
        while (!data.has(type)) await once(messages, 'message');
        const all = Object.fromEntries(data);
        data.clear();
        return all;
      };
      return { socket, until };
    }

    for (const name of PACKAGES) {
      const { version } = require(`${name}/package.json`);
      const setting = { name, ingress, options: SETTINGS['over http'][0] };

      it(`are notified of changes by webpack-dev-server ${version}`, { timeout }, () =>
        withDevServer(setting, async ({ url, change }) => {
          const { socket, until } = await open(url, url);
          const first = await until('ok');
          await change('after');
          const { hash } = await until('ok');
          assert.match(hash, /^\w+$/);
          assert.notEqual(hash, first.hash);

          const closed = next(socket, 'close');
          socket.close();
          await closed;
        }),
      );

      it(`are refused by webpack-dev-server ${version} because of their origin`, { timeout }, () =>
        withDevServer(setting, async ({ url }) => {
          const { socket, until } = await open(url, 'http://elsewhere.test');
          const closed = next(socket, 'close');
          const { error } = await until('error');
          assert.equal(error, 'Invalid Host/Origin header');
          await closed;
        }),
      );
    }
  });
}
