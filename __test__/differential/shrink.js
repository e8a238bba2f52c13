'use strict';

const { Script } = require('./script');

/**
 * Removes steps from a case that differs, as long as it still differs in the same place.
 *
 * @param {import('./runner').DifferentialRunner} runner
 * @param {(id: string) => Script} write
 * @param {string} name
 * @param {import('./runner').Outcome} outcome
 * @returns {Promise<import('./runner').Outcome>} of the smallest case
 */
async function shrink(runner, write, name, outcome) {
  const kind = kindOf(outcome);
  let smallest = outcome;
  let left = outcome.script.steps.map((_, index) => index);
  const tryOut = async (kept) => {
    const next = await runner.alone((id) => pickSteps(write(id), kept), name);
    if (kindOf(next) !== kind) return false;
    smallest = next;
    left = kept;
    return true;
  };
  for (let at = outcome.script.steps.length - 1; at >= 0; at--) {
    await tryOut(left.filter((index) => index !== at));
  }
  return smallest;
}

function pickSteps(script, kept) {
  const smaller = new Script(script.id);
  smaller.steps = kept.map((index) => script.steps[index]).filter(Boolean);
  smaller.broken = script.broken;
  return smaller;
}

/** @returns {string} the path of the first difference, without numbers */
function kindOf({ differences }) {
  return differences.length > 0 ? differences[0].path.replace(/\d+/g, '#') : '';
}

module.exports = { shrink };
