'use strict';

/**
 * @file Makes a fresh clone ready: installs the packages and builds the release addon. It uses Node's own modules
 * only, because no others may be installed yet.
 */

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');

/** The files and folders that the addon is built from, relative to the root. */
const SOURCES = ['src', 'build.rs', 'Cargo.toml', 'Cargo.lock'];

/**
 * @param {string} file relative to the root
 * @returns {number} the newest modification time (ms) of a file or of all files in a folder; 0 if there is none
 */
function newest(file) {
  const full = path.join(ROOT, file);
  const stat = fs.statSync(full, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...fs.readdirSync(full).map((name) => newest(path.join(file, name))));
}

/**
 * @param {string} folder relative to the root
 * @returns {boolean} whether its node_modules exist and are not older than its package-lock.json
 */
function installed(folder) {
  // npm writes this file at the end of every install.
  const written = newest(path.join(folder, 'node_modules/.package-lock.json'));
  return written >= Math.max(1, newest(path.join(folder, 'package-lock.json')));
}

/** @returns {boolean} whether the addon is missing or older than one of its sources */
function needsBuild() {
  const addons = fs.readdirSync(ROOT).filter((name) => /^sockjs-rs\..*\.node$/.test(name));
  return addons.every(isOlderThanSources);
}

/**
 * @param {string} addon relative to the root
 * @returns {boolean} whether it is missing or older than one of its sources
 */
function isOlderThanSources(addon) {
  const built = newest(addon);
  return built === 0 || SOURCES.some((file) => newest(file) > built);
}

/**
 * Runs a command, shows its output, and forwards the signals that would end this process.
 *
 * @param {string} what description of the command
 * @param {string} command `npm` runs the npm that has started this process, if there is one
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [settings] override the defaults
 * @returns {Promise<void>} rejects if the command fails
 */
function run(what, command, args, settings = {}) {
  const cli = command === 'npm' && process.env.npm_execpath;
  const [program, prefix] = cli ? [process.execPath, [cli]] : [command, []];
  const options = {
    cwd: ROOT,
    stdio: 'inherit',
    shell: !cli && process.platform === 'win32',
    ...settings,
  };
  console.log(`\n— ${what}: ${command} ${args.join(' ')}`);
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...prefix, ...args], options);
    const pass = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, pass);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      for (const each of signals) process.off(each, pass);
      if (code === 0) resolve();
      else reject(new Error(`${what}: ended with ${signal || `exit code ${code}`}.`));
    });
  });
}

/** @throws {Error} if cargo is not installed */
function requireCargo() {
  if (spawnSync('cargo', ['--version'], { stdio: 'ignore' }).status === 0) return;
  throw new Error(
    'Building the addon needs Rust, and `cargo` was not found on the PATH.\n' +
      'Install it from https://rustup.rs/ (then open a new terminal), and try again.',
  );
}

/** Installs the packages and builds the addon, if they are missing or out of date. */
async function ready() {
  if (!installed('.')) await run('Installing the packages', 'npm', ['ci']);
  if (needsBuild()) {
    requireCargo();
    const what = 'Building the release addon, a few minutes on the first run';
    await run(what, 'npm', ['run', 'build']);
  }
}

module.exports = { ROOT, installed, isOlderThanSources, ready, requireCargo, run };
