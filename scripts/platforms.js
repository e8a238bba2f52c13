'use strict';

/**
 * @file The platforms that have a prebuilt package, by their names in Rust and in npm.
 */

const { napi } = require('../package.json');

/** From Rust's names of processors and systems to Node's. */
const ARCHITECTURES = { x86_64: 'x64', aarch64: 'arm64' };
const SYSTEMS = {
  'unknown-linux-gnu': ['linux', 'gnu'],
  'unknown-linux-musl': ['linux', 'musl'],
  'apple-darwin': ['darwin'],
  'pc-windows-msvc': ['win32', 'msvc'],
};

/**
 * @param {string} target such as x86_64-unknown-linux-gnu
 * @returns {string} such as linux-x64-gnu, which is also the name of a folder in npm/
 */
function platformOf(target) {
  const [, architecture, system] = /^([^-]+)-(.+)$/.exec(target) ?? [];
  const [os, ...abi] = SYSTEMS[system] ?? [];
  if (!os || !ARCHITECTURES[architecture]) throw new Error(`${target} has no prebuilt package.`);
  return [os, ARCHITECTURES[architecture], ...abi].join('-');
}

/**
 * @param {string} platform such as linux-x64-gnu
 * @returns {string} such as x86_64-unknown-linux-gnu
 */
function targetOf(platform) {
  return napi.targets.find((target) => platformOf(target) === platform);
}

/** @returns {string} the target of this machine */
function hostTarget() {
  const musl =
    process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;
  const abi = { linux: musl ? ['musl'] : ['gnu'], win32: ['msvc'] }[process.platform] ?? [];
  const platform = [process.platform, process.arch, ...abi].join('-');
  const target = targetOf(platform);
  if (!target) throw new Error(`${platform} has no prebuilt package.`);
  return target;
}

/**
 * @param {string} platform
 * @returns {string} the binary of its package, relative to the root
 */
function binaryOf(platform) {
  return `npm/${platform}/sockjs-rs.${platform}.node`;
}

const PLATFORMS = napi.targets.map(platformOf);

module.exports = { PLATFORMS, binaryOf, hostTarget, platformOf, targetOf };
