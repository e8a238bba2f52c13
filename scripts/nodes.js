'use strict';

/**
 * @file Other versions of Node, as the npm package `node` ships them, kept under node_modules/.cache.
 */

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, run } = require('./ready');

/** The versions that are tested, by major number: the engines of package.json, one each. */
const VERSIONS = { 18: '18.20.8', 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.9.0' };

const CACHE = path.join(ROOT, 'node_modules/.cache/sockjs-rs');

/**
 * Installs a version of Node where it is missing.
 *
 * @param {string | number} major a key of VERSIONS
 * @returns {Promise<string>} the folder that holds its program, for PATH
 */
async function nodeFolder(major) {
  const version = VERSIONS[major];
  if (!version) throw new Error(`Node ${major} is none of ${Object.keys(VERSIONS).join(', ')}.`);
  const folder = path.join(CACHE, `node-${version}`);
  const bin = path.join(folder, 'node_modules/node/bin');
  if (!fs.existsSync(path.join(bin, 'node'))) {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}\n');
    // Its script fetches the binary; it is run here, since npm may be told to run none.
    const install = ['install', '--prefix', folder, '--ignore-scripts', `node@${version}`];
    await run(`Installing Node ${version}`, 'npm', install);
    const cwd = path.join(folder, 'node_modules/node');
    const script = ['installArchSpecificPackage.js'];
    await run('Fetching its binary', process.execPath, script, { cwd });
  }
  return bin;
}

module.exports = { CACHE, VERSIONS, nodeFolder };
