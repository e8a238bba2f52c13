'use strict';

/**
 * @file Builds the addon in this package's own folder. If that fails, the installation succeeds all the same, and the
 * reason is written to a file for index.js, because npm does not show the output of install scripts.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const BINARY = path.join(__dirname, 'sockjs-rs.node');
const FAILURE = path.join(__dirname, 'failure.txt');

const { name } = require('./package.json');

/** @returns {boolean} whether there is a binary from an earlier build, which loads */
function isBuilt() {
  const load = ['-e', `require(${JSON.stringify(BINARY)})`];
  return fs.existsSync(BINARY) && spawnSync(process.execPath, load).status === 0;
}

/** Makes cargo print the files that it builds to stdout, one JSON value on each line. Errors still go to stderr. */
const MESSAGES = '--message-format=json-render-diagnostics';

/**
 * @param {string} messages the output of cargo
 * @returns {string} the path of the library. It depends on cargo's configuration too, not only on CARGO_TARGET_DIR: for
 *   example, `build.target` adds a folder
 */
function libraryIn(messages) {
  const artifacts = messages
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter(({ reason, target }) => reason === 'compiler-artifact' && target.name === 'sockjs_rs');
  const files = artifacts.flatMap(({ filenames }) => filenames);
  const library = files.find((file) => /\.(so|dylib|dll)$/.test(file));
  if (!library) throw new Error(`cargo has built no library in ${__dirname}`);
  return library;
}

/** @throws {Error} with one line that says why there is no binary */
function build() {
  if (spawnSync('cargo', ['--version']).status !== 0) {
    throw new Error(
      `Rust was not found when it was installed. Install it from https://rustup.rs, then npm rebuild ${name}`,
    );
  }
  const own = path.join(__dirname, 'target');
  const target = process.env.CARGO_TARGET_DIR || own;
  // With musl, Rust would link a second C library into the addon. With glibc, this flag is the default.
  const flags = '-C target-feature=-crt-static';
  const rustflags =
    process.platform === 'linux' ? { RUSTFLAGS: `${process.env.RUSTFLAGS ?? ''} ${flags}` } : {};
  const env = { ...process.env, CARGO_TARGET_DIR: target, ...rustflags };
  const args = ['build', '--release', '--locked', '--lib'];
  const { status, stdout } = spawnSync('cargo', [...args, MESSAGES], {
    cwd: __dirname,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: Infinity,
  });
  if (status !== 0) {
    throw new Error(`cargo ${args.join(' ')} failed in ${__dirname}: run it there to see why`);
  }
  const library = libraryIn(stdout);
  // A running process may use the old file, so it is replaced and not written to.
  fs.copyFileSync(library, `${BINARY}.new`);
  fs.renameSync(`${BINARY}.new`, BINARY);
  if (target === own) fs.rmSync(own, { recursive: true, force: true });
}

if (!isBuilt()) {
  fs.rmSync(FAILURE, { force: true });
  try {
    console.log('sockjs-rs: building from source, a few minutes');
    build();
  } catch (error) {
    fs.writeFileSync(FAILURE, `${error.message}\n`);
    console.error(`sockjs-rs: no native binary. ${error.message}.`);
  }
}
