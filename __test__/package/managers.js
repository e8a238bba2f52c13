'use strict';

/**
 * @file Package managers: how each adds packages, and runs Node in its project.
 */

const { version } = require('../../package.json');

const BERRY = { add: ['yarn-berry', 'add'], range: `@^${version}` };

/**
 * @typedef {object} Manager
 * @property {string[]} add
 * @property {string} [config] for .yarnrc.yml
 * @property {string[]} [node]
 * @property {string} [range] has to follow an alias
 */

/** @type {Record<string, Manager>} */
const MANAGERS = {
  npm: { add: ['npm', 'install'] },
  pnpm: { add: ['pnpm', 'add'] },
  'pnpm 9': { add: ['pnpm9', 'add'] },
  'yarn 1': { add: ['yarn', 'add'] },
  'yarn 4 with node_modules': { ...BERRY, config: 'nodeLinker: node-modules' },
  'yarn 4 without': { ...BERRY, node: ['yarn-berry', 'node'] },
};

module.exports = { MANAGERS };
