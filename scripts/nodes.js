'use strict';

/**
 * @file Installs other versions of Node, from the npm package `node`, and other runtimes into node_modules/.cache.
 */

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, run } = require('./ready');

/** The versions that are tested, by major number: one for each supported major version (`engines` in package.json). */
const VERSIONS = { 18: '18.20.8', 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.9.0' };

/**
 * The other runtimes that are tested: the npm package, the script that puts the program into its place, and the
 * arguments that run a script.
 */
const RUNTIMES = {
  bun: { version: '1.4.5', install: 'install.js', program: 'bin/bun.exe', args: [] },
  deno: { version: '2.9.6', install: 'install.cjs', program: 'deno', args: ['run', '--allow-all'] },
};

const CACHE = path.join(ROOT, 'node_modules/.cache/sockjs-rs');

/**
 * Installs a version of Node if it is missing.
 *
 * @param {string | number} major a key of VERSIONS
 * @returns {Promise<string>} the folder with its program, for PATH
 */
async function nodeFolder(major) {
  const version = VERSIONS[major];
  if (!version) throw new Error(`Node ${major} is not one of ${Object.keys(VERSIONS).join(', ')}.`);
  const folder = path.join(CACHE, `node-${version}`);
  const bin = path.join(folder, 'node_modules/node/bin');
  if (!fs.existsSync(path.join(bin, 'node'))) {
    await installPackage(folder, `node@${version}`);
    const cwd = path.join(folder, 'node_modules/node');
    const script = ['installArchSpecificPackage.js'];
    await run('Fetching its binary', process.execPath, script, { cwd });
  }
  return bin;
}

/**
 * Installs another runtime if it is missing.
 *
 * @param {string} name a key of RUNTIMES
 * @returns {Promise<string>} its program
 */
async function runtimeProgram(name) {
  const runtime = RUNTIMES[name];
  if (!runtime) throw new Error(`${name} is not one of ${Object.keys(RUNTIMES).join(', ')}.`);
  const { version, install } = runtime;
  const folder = path.join(CACHE, `${name}-${version}`);
  const cwd = path.join(folder, 'node_modules', name);
  const program = path.join(cwd, runtime.program);
  // This file is written last; without it the program may still be a placeholder.
  const complete = path.join(folder, 'complete');
  if (!fs.existsSync(complete)) {
    await installPackage(folder, `${name}@${version}`);
    await run('Fetching its program', process.execPath, [install], { cwd });
    fs.writeFileSync(complete, '');
  }
  return program;
}

/**
 * Installs a package without running its scripts. The caller runs the one that it needs, because npm may be configured
 * to run none.
 *
 * @param {string} folder
 * @param {string} name with its version
 */
async function installPackage(folder, name) {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}\n');
  const install = ['install', '--prefix', folder, '--ignore-scripts', name];
  await run(`Installing ${name}`, 'npm', install);
}

module.exports = { CACHE, RUNTIMES, VERSIONS, nodeFolder, runtimeProgram };
