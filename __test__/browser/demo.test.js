'use strict';

/** The demo: its server in a process of its own, and its page in Chromium. */

const assert = require('node:assert/strict');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { Child } = require('../support/child');
const { environmentOf } = require('../support/library');
const { ingresses, launch } = require('./support.js');

const DEMO = path.join(__dirname, '../../examples/demo/server.js');

/** Transport selected on the page → transport that the page then shows, on the demo's own origin. */
const TRANSPORTS = {
  websocket: 'websocket',
  'xhr-streaming': 'xhr-streaming',
  eventsource: 'eventsource',
  htmlfile: 'htmlfile',
  'xhr-polling': 'xhr-polling',
  'jsonp-polling': 'jsonp-polling',
  'iframe-eventsource': 'iframe-eventsource',
  'iframe-htmlfile': 'iframe-htmlfile',
  'iframe-xhr-polling': 'iframe-xhr-polling',
  'websocket-raw': 'raw websocket',
  automatic: 'websocket',
};

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/**
 * @param {string} ingress
 * @param {string | number} [port]
 * @returns {Promise<{url: string, port: string, stop: () => Promise<void>}>} a running demo
 */
async function startDemo(ingress, port = 0) {
  const env = { ...environmentOf(ingress), PORT: String(port), HOST: '127.0.0.1' };
  const child = new Child(DEMO, { env });
  const [, url, given] = await child.line(/(http:\/\/127\.0\.0\.1:(\d+)\/)/);
  const stop = async () => {
    child.process.kill('SIGTERM');
    assert.deepEqual(await child.exit(), { code: 0, signal: null });
    assert.equal(child.errors, '');
  };
  return { url, port: given, stop };
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{code: number, errors: string}>} exit code and stderr of a demo that cannot start
 */
async function failToStart(env) {
  const child = new Child(DEMO, { env });
  const { code } = await child.exit();
  return { code, errors: child.errors };
}

/**
 * @param {import('playwright-core').Page} page
 * @param {string} state as in the page's `data-state`
 * @param {string} [title] the text that the user sees
 */
async function waitForState(page, state, title) {
  await page.waitForSelector(`body[data-state="${state}"]`);
  if (title) assert.equal(await page.textContent('#state'), title);
}

/**
 * @param {import('playwright-core').Page} page
 * @param {number} [count] how many echoes the page must have received
 */
async function waitForEchoes(page, count = 3) {
  await page.waitForFunction(
    (least) => Number(document.querySelector('#echoed').textContent.replace(',', '')) >= least,
    count,
  );
  assert.match(await page.textContent('#median'), /^[\d.,]+ms$/);
}

/** @param {import('playwright-core').Page} page */
const waitForChat = (page) => page.waitForSelector('#say:not([disabled])');

/**
 * @param {import('playwright-core').Page} page
 * @param {string} text
 */
const waitForText = (page, text) =>
  page.waitForFunction(
    (expected) => document.querySelector('#chat-log').innerText.includes(expected),
    text,
  );

/**
 * Goes to a room, and waits until the page is in it.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} room
 */
async function chooseRoom(page, room) {
  await page.check(`input[value="${room}"]`, { force: true });
  await waitForText(page, `You are in the ${room} as`);
}

/**
 * Says something, and waits until it is back.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} text
 */
async function sayIn(page, text) {
  await page.fill('#chat-text', text);
  await page.click('#say');
  await waitForText(page, text);
}

/**
 * @param {import('playwright-core').Page} page
 * @param {string} counts the number of people in the lobby, the garden and the library
 */
const waitForCounts = (page, counts) =>
  page.waitForFunction(
    (expected) =>
      [...document.querySelectorAll('#rooms small')].map((each) => each.innerText).join(' ') ===
      expected,
    counts,
  );

for (const ingress of ingresses) {
  describe(`the demo, ingress: ${ingress}`, { concurrency: 3 }, () => {
    let demo;
    before(async () => {
      demo = await startDemo(ingress);
    });
    after(() => demo?.stop());

    /**
     * @param {string} name
     * @param {(context: import('playwright-core').BrowserContext, visit: (query?: string) =>
     *   Promise<import('playwright-core').Page>) => Promise<void>} test gets a fresh profile, and a
     *   function that opens the demo in a tab of it
     */
    const scenario = (name, test) =>
      it(name, { timeout: 60000 }, async () => {
        const context = await browser.newContext();
        const visit = async (query = '') => {
          const page = await context.newPage();
          await page.goto(demo.url + query);
          return page;
        };
        try {
          await test(context, visit);
        } finally {
          await context.close();
        }
      });

    scenario('loads without errors, connects and shows round-trip times', async (context) => {
      const page = await context.newPage();
      const errors = [];
      page.on('pageerror', (error) => errors.push(String(error)));
      page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
      page.on('response', (response) => {
        if (response.status() >= 400) errors.push(`${response.status()} ${response.url()}`);
      });
      await page.goto(demo.url);
      await waitForState(page, 'open', 'Connected');
      assert.equal(await page.textContent('#actual'), 'websocket');
      await waitForEchoes(page);
      await waitForChat(page);
      assert.deepEqual(errors, []);
    });

    scenario('echoes a burst, and the text that the user typed', async (_, visit) => {
      const page = await visit();
      await waitForState(page, 'open');
      await page.selectOption('#size', '10240');
      await page.click('#burst');
      await waitForEchoes(page, 100);
      await page.fill('#echo-text', 'Grüße <b>🧦</b>');
      await page.press('#echo-text', 'Enter');
      await page.waitForFunction(() =>
        /^“Grüße <b>🧦<\/b>” was back after [\d.]+ ms\.$/.test(
          document.querySelector('#echo-answer').textContent,
        ),
      );
    });

    scenario('two tabs chat with each other', async (context) => {
      const chat = await startDemo(ingress); // a server of its own: no visitors from other tests
      try {
        const [ann, bob] = [await context.newPage(), await context.newPage()];
        await Promise.all([ann.goto(chat.url), bob.goto(chat.url)]);
        await Promise.all([waitForChat(ann), waitForChat(bob)]);
        await ann.fill('#name', 'Ann');
        await ann.press('#name', 'Tab');
        await waitForText(bob, 'is now Ann.');
        await ann.fill('#chat-text', 'Hello, <i>Bob</i>');
        await ann.press('#chat-text', 'Enter');
        await waitForText(bob, 'Hello, <i>Bob</i>');
        await bob.fill('#chat-text', 'Hello yourself');
        await bob.click('#say');
        await waitForText(ann, 'Hello yourself');
        assert.equal(await ann.textContent('#people'), '2 people here');
        await bob.close();
        await waitForText(ann, 'left.');
        assert.equal(await ann.textContent('#people'), 'You are alone here');
      } finally {
        await context.close();
        await chat.stop();
      }
    });

    scenario('messages stay in the room in which they were said', async (context) => {
      const chat = await startDemo(ingress);
      try {
        const [ann, bob] = [await context.newPage(), await context.newPage()];
        await Promise.all([ann.goto(chat.url), bob.goto(chat.url)]);
        await Promise.all([waitForChat(ann), waitForChat(bob)]);
        await waitForCounts(ann, '2 0 0');
        await chooseRoom(bob, 'garden');
        await waitForText(ann, 'left.');
        await Promise.all([waitForCounts(ann, '1 1 0'), waitForCounts(bob, '1 1 0')]);
        assert.equal(await ann.textContent('#people'), 'You are alone here');
        await sayIn(bob, 'Only for the garden');
        await sayIn(ann, 'Only for the lobby');

        await chooseRoom(ann, 'garden');
        await waitForText(bob, 'came in.');
        await waitForCounts(bob, '0 2 0');
        assert.equal(await bob.textContent('#people'), '2 people here');
        await sayIn(ann, 'Hello, garden');
        await waitForText(bob, 'Hello, garden');
        const inGarden = await ann.innerText('#chat-log');
        assert.doesNotMatch(inGarden, /Only for/);
        assert.doesNotMatch(await bob.innerText('#chat-log'), /Only for the lobby/);

        await chooseRoom(ann, 'lobby');
        const inLobby = await ann.innerText('#chat-log');
        assert.match(inLobby, /Only for the lobby/);
        assert.doesNotMatch(inLobby, /garden/);
      } finally {
        await context.close();
        await chat.stop();
      }
    });

    scenario('reconnects over each transport that the user selects', async (_, visit) => {
      const page = await visit();
      await waitForState(page, 'open');
      for (const [transport, actual] of Object.entries(TRANSPORTS)) {
        await page.check(`input[value="${transport}"]`, { force: true });
        await waitForState(page, 'open', 'Connected');
        assert.equal(await page.textContent('#actual'), actual);
        await waitForEchoes(page);
        await waitForChat(page);
        await page.fill('#chat-text', `Over ${transport}`);
        await page.click('#say');
        await waitForText(page, `Over ${transport}`);
      }
    });

    scenario(
      'connects to a server of another origin, and says when it cannot',
      async (context, visit) => {
        const other = await startDemo(ingress);
        try {
          const page = await visit(`?server=${encodeURIComponent(other.url)}`);
          await waitForState(page, 'open', 'Connected');
          await waitForEchoes(page);
          await page.check('input[value="iframe-eventsource"]', { force: true });
          await waitForState(page, 'open', 'Connected');
          await waitForEchoes(page);
          await page.check('input[value="htmlfile"]', { force: true });
          await waitForState(page, 'closed', 'Transport not available');
          assert.match(await page.textContent('#detail'), /iframe-htmlfile/);
          await page.fill('#server', 'not an address');
          await page.press('#server', 'Enter');
          await waitForState(page, 'closed', 'Cannot connect');
        } finally {
          await context.close();
          await other.stop();
        }
      },
    );

    for (const transport of ['websocket', 'xhr-streaming', 'xhr-polling', 'websocket-raw']) {
      scenario(`shows that the server stopped, and reconnects (${transport})`, async (context) => {
        let server = await startDemo(ingress);
        const page = await context.newPage();
        await page.goto(server.url);
        await page.check(`input[value="${transport}"]`, { force: true });
        await waitForState(page, 'open');
        await waitForEchoes(page);

        await server.stop();
        await waitForState(page, 'closed', 'Connection lost');
        assert.match(await page.textContent('#closed'), /^1006/);
        await page.click('#reconnect');
        const title = transport === 'websocket-raw' ? 'Cannot connect' : 'Server unreachable';
        await waitForState(page, 'closed', title);

        server = await startDemo(ingress, server.port);
        try {
          await page.click('#reconnect');
          await waitForState(page, 'open', 'Connected');
          await waitForEchoes(page);
        } finally {
          await page.close();
          await server.stop();
        }
      });
    }

    if (ingress !== ingresses[0]) return; // the tests below are about the page alone

    scenario('sends no request to another server', async (context) => {
      const page = await context.newPage();
      const foreign = [];
      page.on('request', (request) => {
        if (new URL(request.url()).host !== new URL(demo.url).host) foreign.push(request.url());
      });
      await page.goto(demo.url);
      await page.check('input[value="iframe-xhr-polling"]', { force: true });
      await page.waitForFunction(() => document.querySelector('#actual').textContent !== '–');
      await waitForEchoes(page);
      assert.deepEqual(foreign, []);
    });

    scenario('the buttons disconnect and reconnect', async (_, visit) => {
      const page = await visit();
      await waitForState(page, 'open');
      await page.click('#disconnect');
      await waitForState(page, 'off', 'Closed');
      assert.ok(await page.isDisabled('#disconnect'));
      assert.ok(await page.isDisabled('#burst'));
      await page.click('#reconnect');
      await waitForState(page, 'open', 'Connected');
    });

    for (const [width, height] of [
      [360, 740],
      [768, 1024],
      [1280, 900],
    ]) {
      scenario(
        `fits a screen ${width} px wide, and keeps its size when it disconnects`,
        async (_, visit) => {
          const page = await visit();
          await page.setViewportSize({ width, height });
          const measure = () =>
            page.evaluate(() => ({
              overflow: document.documentElement.scrollWidth - window.innerWidth,
              height: document.documentElement.scrollHeight,
            }));
          await waitForState(page, 'open');
          await waitForEchoes(page);
          const open = await measure();
          assert.ok(open.overflow <= 0, `${open.overflow} px too wide`);
          await page.click('#disconnect');
          await waitForState(page, 'off');
          assert.deepEqual(await measure(), open);
        },
      );
    }

    it('says in one line that the port is in use', async () => {
      const { code, errors } = await failToStart({ PORT: demo.port });
      assert.equal(code, 1);
      assert.match(errors, new RegExp(`^Port ${demo.port} is in use\\. [^\\n]+\\n$`));
    });
  });
}

it('the demo says in one line that PORT is not a number', async () => {
  const { code, errors } = await failToStart({ PORT: 'eighty' });
  assert.equal(code, 1);
  assert.match(errors, /^PORT must be a number[^\n]+"eighty"\.\n$/);
});
