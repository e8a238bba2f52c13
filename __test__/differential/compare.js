'use strict';

/**
 * @typedef {{path: string, oracle: any, ours: any}} Difference
 */

/**
 * @param {any} oracle
 * @param {any} ours
 * @param {string} [path]
 * @returns {Difference[]} the innermost values that differ
 */
function differences(oracle, ours, path = '') {
  if (Object.is(oracle, ours)) return [];
  const isTree = (value) => typeof value === 'object' && value !== null;
  if (!isTree(oracle) || !isTree(ours)) return [{ path, oracle, ours }];
  const keys = new Set([...Object.keys(oracle), ...Object.keys(ours)]);
  return [...keys].flatMap((key) =>
    differences(oracle[key], ours[key], path === '' ? key : `${path}.${key}`),
  );
}

module.exports = { differences };
