'use strict';

/**
 * @file Package managers: their commands to add packages, and to run Node in a project.
 */

const { version } = require('../../package.json');

const BERRY = { add: ['yarn-berry', 'add'], range: `@^${version}` };

/**
 * @typedef {object} Manager
 * @property {string[]} add the command that adds packages
 * @property {string} [config] a line for .yarnrc.yml
 * @property {string[]} [node] the command that runs Node
 * @property {string} [range] must follow the name in an alias
 */

/** @type {Record<string, Manager>} */
const MANAGERS = {
  npm: { add: ['npm', 'install'] },
  pnpm: { add: ['pnpm', 'add'] },
  'pnpm 9': { add: ['pnpm9', 'add'] },
  'yarn 1': { add: ['yarn', 'add'] },
  'yarn 4 with node_modules': { ...BERRY, config: 'nodeLinker: node-modules' },
  'yarn 4 with Plug and Play': { ...BERRY, node: ['yarn-berry', 'node'] },
};

module.exports = { MANAGERS };
