'use strict';

/** @file Finds a Python 2.7, which both test suites need, and makes virtual environments with packages. */

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const HOME = path.join(__dirname, '.venv');
/** The last virtualenv for Python 2.7. */
const VIRTUALENV = 'virtualenv==20.15.1';

const HOW_TO_GET = [
  'Searched: PYTHON2, ~/.pyenv/versions/2.7.*, python2.7 and python2 on the PATH. To install it: install',
  'pyenv (https://github.com/pyenv/pyenv), then `pyenv install 2.7.18`. Or give its path: PYTHON2=/path.',
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

/**
 * @param {string} suite the name of the suite that needs it, for the error
 * @returns {string} a Python 2.7; throws if there is none, with a message that says how to install it
 */
function findPython(suite) {
  const python = lookForPython();
  if (python === undefined) {
    throw new Error(`${suite} needs Python 2.7. It was not found.\n${HOW_TO_GET}`);
  }
  return python;
}

/**
 * Makes a virtual environment with the packages of a requirements file, unless it exists.
 *
 * @param {string} name
 * @param {string} python
 * @param {string} requirements path of the file
 * @returns {string} the folder of its programs
 */
function ensureEnvironment(name, python, requirements) {
  const home = path.join(HOME, name);
  const programs = path.join(home, 'env', 'bin');
  const ready = path.join(home, 'ready');
  const wanted = fs.readFileSync(requirements, 'utf8');
  if (fs.existsSync(ready) && fs.readFileSync(ready, 'utf8') === wanted) return programs;
  console.log(`— installing the suite's packages into __test__/conformance/.venv/${name}`);
  fs.rmSync(home, { recursive: true, force: true });
  const bootstrap = path.join(home, 'bootstrap');
  const run = (file, args, env = {}) => {
    const quiet = { PIP_DISABLE_PIP_VERSION_CHECK: '1', PYTHONWARNINGS: 'ignore' };
    const stdio = ['ignore', 'ignore', 'inherit'];
    execFileSync(file, args, { stdio, env: { ...process.env, ...quiet, ...env } });
  };
  const pip = ['install', '--quiet', '--no-python-version-warning'];
  run(python, ['-m', 'pip', 'install', '--quiet', '--target', bootstrap, VIRTUALENV]);
  run(python, ['-m', 'virtualenv', path.join(home, 'env')], { PYTHONPATH: bootstrap });
  run(path.join(programs, 'pip'), [...pip, '-r', requirements]);
  fs.writeFileSync(ready, wanted);
  return programs;
}

module.exports = { ensureEnvironment, findPython, isPython27, lookForPython };
