'use strict';
const test = require('node:test');
const assert = require('node:assert');

test("require('sockjs') is sockjs-rs", () => {
  assert.strictEqual(require('sockjs'), require('..'));
});
