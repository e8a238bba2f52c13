'use strict';

/**
 * @file Builds the addon in this package's own folder, if it can. It ends well in any case: what went
 * wrong is kept for index.js, because npm does not show what install scripts print.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const BINARY = path.join(__dirname, 'sockjs-rs.node');
const FAILURE = path.join(__dirname, 'failure.txt');

const { name } = require('./package.json');

/** @returns {boolean} whether an earlier build is there and loads */
function isBuilt() {
  const load = ['-e', `require(${JSON.stringify(BINARY)})`];
  return fs.existsSync(BINARY) && spawnSync(process.execPath, load).status === 0;
}

/** Has cargo say on stdout what it makes, one JSON value a line; errors go to stderr as ever. */
const MESSAGES = '--message-format=json-render-diagnostics';

/**
 * @param {string} messages of cargo
 * @returns {string} the library that it has made. Where that is depends on more than CARGO_TARGET_DIR: with
 *   a build.target in its configuration, say, there is another folder between
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

/** @throws {Error} whose message, one line, says why there is no binary */
function build() {
  if (spawnSync('cargo', ['--version']).status !== 0) {
    throw new Error(
      `Rust was not found when it was installed. Install it from https://rustup.rs, then npm rebuild ${name}`,
    );
  }
  const own = path.join(__dirname, 'target');
  const target = process.env.CARGO_TARGET_DIR || own;
  // With musl, a library that is loaded must not bring a C library of its own; elsewhere this is the default.
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
  // A file of its own, moved over the old one: that may be in use.
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
