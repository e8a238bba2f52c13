'use strict';

/** Processes that use dependents exit by themselves when no connection or server is open. */

const assert = require('node:assert/strict');
const path = require('node:path');
const { describe, it } = require('node:test');
const { Child } = require('../support/child');
const { environmentOf, ingresses } = require('../support/library');

/** Script in `fixtures/` → lines that it prints, sorted. */
const SCRIPTS = {
  'exit-primus.js': ['by primus', 'destroyed'],
  'exit-sockjs-client.js': ['by eventsource', 'by websocket', 'by xhr-polling', 'by xhr-streaming'],
  'exit-websocket-multiplex.js': ['msg,room,by one', 'msg,room,by two', 'uns,room', 'uns,room'],
};

/** Milliseconds that a process may take to exit. */
const TIMEOUT_MS = 30_000;

for (const ingress of ingresses) {
  describe(`a process that has finished, ingress: ${ingress}`, { concurrency: 3 }, () => {
    for (const [script, lines] of Object.entries(SCRIPTS)) {
      it(`exits by itself: ${script}`, async (t) => {
        const file = path.join(__dirname, 'fixtures', script);
        const child = new Child(file, { t, env: environmentOf(ingress) });
        const status = await child.exit(TIMEOUT_MS);
        assert.deepEqual(status, { code: 0, signal: null }, child.errors);
        assert.deepEqual(child.lines.sort(), lines);
      });
    }
  });
}
