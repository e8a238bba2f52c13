'use strict';

/**
 * @file Exports the binary that install.js has built, or throws an error that says why it has built nothing.
 */

const fs = require('node:fs');
const path = require('node:path');

const { name } = require('./package.json');

const BINARY = path.join(__dirname, 'sockjs-rs.node');
const FAILURE = path.join(__dirname, 'failure.txt');

/** @returns {string} one line */
function whyNot() {
  const failure = fs.existsSync(FAILURE) && fs.readFileSync(FAILURE, 'utf8').trim();
  return failure || `its install script has not run (npm rebuild ${name} runs it)`;
}

if (!fs.existsSync(BINARY)) throw new Error(`${name} has built nothing: ${whyNot()}`);
module.exports = require(BINARY);
