'use strict';

/*
 * Tools that look for open handles find none of sockjs-rs when no connection is open.
 */

const path = require('path');
const { Child } = require('./support/child');
const { ingresses, environmentOf } = require('./support/library');

const JEST = path.join(path.dirname(require.resolve('jest/package.json')), 'bin/jest.js');

/** Milliseconds: under load Jest needs longer than other programs. */
const JEST_TIMEOUT = 25_000;

test.each(ingresses)('Jest detects no open handle, by the %s ingress', async (ingress) => {
  const cwd = path.join(__dirname, 'fixtures/open-handles');
  const child = new Child(JEST, { env: environmentOf(ingress), cwd });
  expect(await child.exit(JEST_TIMEOUT)).toEqual({ code: 0, signal: null });
  expect(child.errors).toContain('1 passed');
  expect(child.errors).not.toContain('open handle');
});
