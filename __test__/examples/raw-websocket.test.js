'use strict';

/** @file examples/raw-websocket: its client and its server. */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');

const { run, startExample, timeout } = require('./support');

const CLIENT = 'examples/raw-websocket/client.js';

describe('examples/raw-websocket', () => {
  it('the client gets its text and its bytes back', { timeout }, async (t) => {
    const { url } = await startExample(t, 'raw-websocket');
    const client = run(t, process.execPath, [CLIENT, url]);
    assert.deepEqual(await client.exit(), { code: 0, signal: null });
    assert.deepEqual(client.lines, ['hello', '<Buffer 01 02 03>', 'closed with 1000']);
  });

  it('the client names the URL that it could not reach', { timeout }, async (t) => {
    const { program, url } = await startExample(t, 'raw-websocket');
    program.process.kill('SIGINT');
    assert.deepEqual(await program.exit(), { code: 0, signal: null });
    const client = run(t, process.execPath, [CLIENT, url]);
    assert.equal((await client.exit()).code, 1);
    assert.ok(client.errors.startsWith(`${url}: `), client.errors);
  });
});
