'use strict';

/*
 * Tools that look for open handles find none of ours when nothing is open.
 */

const path = require('path');
const { Child } = require('./support/child');
const { doors, libraryPath } = require('./support/library');

const JEST = path.join(path.dirname(require.resolve('jest/package.json')), 'bin/jest.js');

test.each(doors)('Jest detects no open handle, by the %s door', async (door) => {
  const env = {
    SOCKJS_LIBRARY: libraryPath,
    ...(door === 'bridge' && { SOCKJS_RS_DOOR: 'bridge' }),
  };
  const child = new Child(JEST, env, path.join(__dirname, 'fixtures/open-handles'));
  expect(await child.exit()).toEqual({ code: 0, signal: null });
  expect(child.errors).toContain('1 passed');
  expect(child.errors).not.toContain('open handle');
});
