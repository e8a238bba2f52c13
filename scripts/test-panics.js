'use strict';

/**
 * `npm run test:panics`: builds an addon that panics on demand, and runs the tests that need it. Only a debug build
 * can panic on demand.
 */

const fs = require('node:fs');
const path = require('node:path');

const { run } = require('./ready');

const ROOT = path.join(__dirname, '..');
const LIBRARIES = { darwin: 'libsockjs_rs.dylib', win32: 'sockjs_rs.dll' };

async function main() {
  const features = ['--features', 'panic-injection'];
  await run('addon that panics on demand', 'cargo', ['build', '--locked', '--quiet', ...features]);
  const target = path.join(ROOT, 'target');
  const library = LIBRARIES[process.platform] ?? 'libsockjs_rs.so';
  const addon = path.join(target, 'panics-on-demand.node');
  // A new file, because a running process may still use the old one.
  fs.rmSync(addon, { force: true });
  fs.copyFileSync(path.join(target, 'debug', library), addon);
  process.env.PANICS_ADDON = addon;
  await run('contained panics', 'npx', [
    'jest',
    '--testMatch',
    '<rootDir>/__test__/panics/*.test.js',
  ]);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
