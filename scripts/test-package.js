'use strict';

/**
 * `npm run test:package [-- files…]`: packs the published packages, and tests them with __test__/package/.
 */

const fs = require('node:fs');
const path = require('node:path');
const { installTools } = require('../__test__/package/tools');
const { ensureRelease } = require('./build-release');
const { VERSIONS, nodeFolder } = require('./nodes');
const { pack, packAll, platformManifest } = require('./pack');
const { PLATFORMS, binaryOf } = require('./platforms');
const { ROOT, ready, run } = require('./ready');

const FOLDER = path.join(ROOT, '__test__/package');

const DIST = path.join(ROOT, 'dist');

/**
 * Packs the packages of other platforms without their binaries. This machine never loads these packages, but Yarn 1
 * fetches them.
 */
function packStandIns(folder) {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder);
  for (const platform of PLATFORMS) {
    if (fs.existsSync(path.join(ROOT, binaryOf(platform)))) continue;
    const manifest = platformManifest(platform);
    pack({ manifest, from: `npm/${platform}`, files: ['README.md'] }, folder);
  }
}

async function main() {
  await ready();
  await ensureRelease();
  await installTools();
  for (const major of Object.keys(VERSIONS)) await nodeFolder(major);
  packAll(DIST);
  packStandIns(path.join(DIST, 'stand-ins'));
  const all = fs.readdirSync(FOLDER).filter((name) => name.endsWith('.test.js'));
  const given = process.argv.slice(2);
  const files = given.length > 0 ? given : all.map((name) => path.join('__test__/package', name));
  await run('The package', 'node', ['--test', '--test-concurrency=2', ...files]);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
