'use strict';

/**
 * `node scripts/publish.js [-- options of npm publish]`: publishes the tarballs in dist/. The main package is the
 * last, so its dependencies can already be installed. A version that is already published is skipped, so the script can
 * be run again after a failure. Prereleases get the tag `next` instead of `latest`.
 */

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { ROOT } = require('./ready');
const { name: main, version } = require('../package.json');

const DIST = path.join(ROOT, 'dist');

/** @returns {[name: string, tarball: string][]} by package name, the main package last */
function packed() {
  const end = `-${version}.tgz`;
  const names = fs.readdirSync(DIST).filter((file) => file.endsWith(end));
  const packages = names.sort().map((file) => [file.slice(0, -end.length), file]);
  const isMain = ([name]) => Number(name === main);
  return packages.sort((a, b) => isMain(a) - isMain(b));
}

/**
 * @param {string} spec such as sockjs-rs@0.3.100
 * @returns {boolean} whether the registry has it
 * @throws {Error} if npm cannot tell
 */
function isPublished(spec) {
  const args = ['view', spec, 'version', '--json'];
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8' });
  // npm fails if it does not find the package, and prints nothing if it does not find the version.
  if (status === 0) return stdout.trim() !== '';
  if (/\bE404\b/.test(stdout + stderr)) return false;
  throw new Error(`npm cannot tell whether ${spec} is published: ${stderr}`);
}

/**
 * @param {string} published a version
 * @returns {string} the tag that it is published with
 */
function tagOf(published) {
  return published.includes('-') ? 'next' : 'latest';
}

function publishAll() {
  const options = ['--access', 'public', '--tag', tagOf(version)];
  const given = process.argv.slice(2).filter((arg) => arg !== '--');
  for (const [name, file] of packed()) {
    const spec = `${name}@${version}`;
    if (isPublished(spec)) {
      console.log(`${spec} is published already`);
    } else {
      // Without the leading dot npm reads the path as the name of a repository on GitHub.
      execFileSync('npm', ['publish', `./dist/${file}`, ...options, ...given], {
        cwd: ROOT,
        stdio: 'inherit',
      });
    }
  }
}

module.exports = { tagOf };

if (require.main === module) {
  try {
    publishAll();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
