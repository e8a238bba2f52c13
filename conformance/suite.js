'use strict';

/** @file Finds a Python 2.7 and puts the Autobahn test suite into `conformance/.venv`. */

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const HOME = path.join(__dirname, '.venv');
const WSTEST = path.join(HOME, 'env', 'bin', 'wstest');
/** The last virtualenv for Python 2.7. */
const VIRTUALENV = 'virtualenv==20.15.1';

const NO_PYTHON = [
  'The Autobahn test suite needs Python 2.7, and there is none here. What was looked for: PYTHON2,',
  'python2.7 and python2 on the path, ~/.pyenv/versions/2.7.*. To get it: install pyenv',
  '(https://github.com/pyenv/pyenv), then `pyenv install 2.7.18`; or name one you have: PYTHON2=/path.',
].join('\n');

/** @returns {string | undefined} a Python 2.7 */
function lookForPython() {
  const versions = path.join(
    process.env.PYENV_ROOT ?? path.join(os.homedir(), '.pyenv'),
    'versions',
  );
  const installed = fs.existsSync(versions) ? fs.readdirSync(versions) : [];
  const candidates = [
    process.env.PYTHON2,
    ...installed
      .filter((version) => version.startsWith('2.7'))
      .map((version) => path.join(versions, version, 'bin', 'python2.7')),
    'python2.7',
    'python2',
  ];
  return candidates.find((candidate) => candidate && isPython27(candidate));
}

/** @param {string} file */
function isPython27(file) {
  const script = 'import sys; sys.stdout.write("%d.%d" % sys.version_info[:2])';
  try {
    const stdio = ['ignore', 'pipe', 'ignore'];
    return execFileSync(file, ['-c', script], { stdio, encoding: 'utf8' }) === '2.7';
  } catch {
    return false;
  }
}

/** @returns {string} a Python 2.7; throws where there is none, and says how to get it */
function findPython() {
  const python = lookForPython();
  if (python === undefined) throw new Error(NO_PYTHON);
  return python;
}

/**
 * Installs the suite, unless it is there.
 *
 * @param {string} python
 * @returns {string} its program
 */
function ensureSuite(python) {
  if (fs.existsSync(path.join(HOME, 'ready'))) return WSTEST;
  console.log('— installing the Autobahn test suite into conformance/.venv');
  fs.rmSync(HOME, { recursive: true, force: true });
  const bootstrap = path.join(HOME, 'bootstrap');
  const requirements = path.join(__dirname, 'requirements.txt');
  const run = (file, args, env = {}) => {
    const quiet = { PIP_DISABLE_PIP_VERSION_CHECK: '1', PYTHONWARNINGS: 'ignore' };
    const stdio = ['ignore', 'ignore', 'inherit'];
    execFileSync(file, args, { stdio, env: { ...process.env, ...quiet, ...env } });
  };
  const pip = ['install', '--quiet', '--no-python-version-warning'];
  run(python, ['-m', 'pip', 'install', '--quiet', '--target', bootstrap, VIRTUALENV]);
  run(python, ['-m', 'virtualenv', path.join(HOME, 'env')], { PYTHONPATH: bootstrap });
  run(path.join(HOME, 'env', 'bin', 'pip'), [...pip, '-r', requirements]);
  fs.writeFileSync(path.join(HOME, 'ready'), '');
  return WSTEST;
}

module.exports = { lookForPython, findPython, ensureSuite };
