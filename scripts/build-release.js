'use strict';

/**
 * `npm run build:release [-- target]`: builds the binary of a platform package into npm/ (default: for this machine).
 * For Linux, Zig links it against the oldest C library that is supported.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { binaryOf, hostTarget, platformOf } = require('./platforms');
const { ROOT, isOlderThanSources, requireCargo, run } = require('./ready');

/** The oldest glibc with which the gnu binaries load. */
const GLIBC = '2.17';

/** PyPI has both as wheels, so nothing has to be compiled. */
const ZIG = ['cargo-zigbuild==0.24.0', 'ziglang==0.17.1'];

const ZIG_FOLDER = path.join(ROOT, 'node_modules/.cache/sockjs-rs/zig');

/** @returns {Promise<string>} the folder with cargo-zigbuild and with the Python in which Zig is installed */
async function zig() {
  const bin = path.join(ZIG_FOLDER, 'bin');
  const wanted = ZIG.join('\n');
  const record = path.join(ZIG_FOLDER, 'installed');
  if (!fs.existsSync(record) || fs.readFileSync(record, 'utf8') !== wanted) {
    await run('Creating a folder for Zig', 'python3', ['-m', 'venv', '--clear', ZIG_FOLDER]);
    const args = ['install', '--quiet', '--only-binary', ':all:', ...ZIG];
    await run('Installing Zig', path.join(bin, 'pip'), args);
    fs.writeFileSync(record, wanted);
  }
  return bin;
}

/**
 * @param {string} file an ELF file
 * @returns {string} the highest version of glibc that it requires, or '0' if it requires none
 */
function highestGlibc(file) {
  const { status, stdout, error } = spawnSync('readelf', ['-VW', file], { encoding: 'utf8' });
  if (error || status !== 0) throw error ?? new Error(`readelf cannot read ${file}.`);
  const versions = [...stdout.matchAll(/\bGLIBC_(\d+(?:\.\d+)*)/g)].map(([, version]) => version);
  return versions.reduce((high, next) => (isNewer(next, high) ? next : high), '0');
}

/**
 * @param {string} a such as '2.17'
 * @param {string} b
 * @returns {boolean} whether a is a later version than b
 */
function isNewer(a, b) {
  return a.localeCompare(b, 'en', { numeric: true }) > 0;
}

/**
 * @param {string} target
 * @returns {Promise<string>} the library that cargo has built
 */
async function compile(target) {
  const args = ['--release', '--locked', '--lib', '--target'];
  const env = { ...process.env };
  const folder = path.join(ROOT, 'target', target, 'release');
  if (!target.includes('-linux-')) {
    await run('Building', 'cargo', ['build', ...args, target], { env });
    const library = target.includes('-windows-') ? 'sockjs_rs.dll' : 'libsockjs_rs.dylib';
    return path.join(folder, library);
  }
  env.PATH = `${await zig()}${path.delimiter}${process.env.PATH}`;
  if (target.endsWith('-musl')) {
    // Node has loaded the C library already. Rust would link a second one into the addon.
    env.RUSTFLAGS = `${process.env.RUSTFLAGS ?? ''} -C target-feature=-crt-static`;
  }
  const full = target.endsWith('-gnu') ? `${target}.${GLIBC}` : target;
  await run('Building', 'cargo', ['zigbuild', ...args, full], { env });
  return path.join(folder, 'libsockjs_rs.so');
}

/**
 * @param {string} target
 * @returns {Promise<string>} the binary, in the folder of its package
 */
async function buildRelease(target) {
  const binary = path.join(ROOT, binaryOf(platformOf(target)));
  requireCargo();
  const library = await compile(target);
  const needs = target.endsWith('-gnu') ? highestGlibc(library) : '0';
  if (isNewer(needs, GLIBC)) throw new Error(`${library} needs glibc ${needs}, not ${GLIBC}.`);
  // A running process may use the old file, so it is replaced and not written to.
  fs.copyFileSync(library, `${binary}.new`);
  fs.renameSync(`${binary}.new`, binary);
  return binary;
}

/** Builds the binary for this machine if it is missing or older than its sources. */
async function ensureRelease() {
  const target = hostTarget();
  if (isOlderThanSources(binaryOf(platformOf(target)))) await buildRelease(target);
}

module.exports = { GLIBC, ensureRelease, highestGlibc, isNewer };

if (require.main === module) {
  buildRelease(process.argv[2] ?? hostTarget()).then(
    (binary) => console.log(`\n${path.relative(ROOT, binary)}: ${fs.statSync(binary).size} bytes`),
    (error) => {
      console.error(error.message);
      process.exit(1);
    },
  );
}
