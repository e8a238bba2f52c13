'use strict';

/** Processes that use dependents end by themselves when nothing is open any more. */

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { describe, it } = require('node:test');
const { promisify } = require('node:util');
const { ingresses } = require('../support/library');

/** Script of `fixtures/` → lines that it prints, in any order. */
const SCRIPTS = {
  'exit-primus.js': ['by primus', 'destroyed'],
  'exit-sockjs-client.js': ['by eventsource', 'by websocket', 'by xhr-polling', 'by xhr-streaming'],
  'exit-websocket-multiplex.js': ['msg,room,by one', 'msg,room,by two', 'uns,room', 'uns,room'],
};

/** Milliseconds after which a process has not ended. */
const timeout = 30000;

for (const ingress of ingresses) {
  describe(`a process that is done, ingress: ${ingress}`, { concurrency: 3 }, () => {
    for (const [script, lines] of Object.entries(SCRIPTS)) {
      it(`ends by itself: ${script}`, async () => {
        const env = { ...process.env, NODE_TEST_CONTEXT: undefined, SOCKJS_RS_DOOR: ingress };
        const args = [path.join(__dirname, 'fixtures', script)];
        const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout });
        assert.deepEqual(stdout.trim().split('\n').sort(), lines);
      });
    }
  });
}
