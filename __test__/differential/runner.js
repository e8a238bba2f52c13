'use strict';

const path = require('path');
const { differences } = require('./compare');
const { allowed } = require('./deviations');
const { play } = require('./play');
const { Subject } = require('./subject');

/**
 * What came of a case.
 *
 * @typedef {object} Outcome
 * @property {import('./script').Script} script
 * @property {import('./compare').Difference[]} differences that no deviation allows
 * @property {Set<number | string>} deviations that were met
 * @property {{oracle: any, ours: any}} both
 */

/** The two libraries side by side. */
class DifferentialRunner {
  #attempts = 0;

  /** @param {string} ingress 'takeover' or 'bridge' */
  constructor(ingress) {
    const env = { SOCKJS_RS_DOOR: ingress === 'bridge' ? 'bridge' : '' };
    this.oracle = new Subject('sockjs', require.resolve('sockjs'), {});
    this.ours = new Subject('sockjs-rs', path.join(__dirname, '..', '..'), env);
  }

  /**
   * Plays one case on both.
   *
   * @param {(id: string) => import('./script').Script} write
   * @param {string} name letters and digits
   * @param {boolean} [isAlone]
   * @returns {Promise<{outcome: Promise<Outcome>}>} when it has been played; its sessions end later
   */
  async play(write, name, isAlone = false) {
    const script = write(`case-${name}x${(this.#attempts++).toString(36)}`);
    const [oracle, ours] = await Promise.all([play(this.oracle, script), play(this.ours, script)]);
    const outcome = Promise.all([oracle.observe(), ours.observe()]).then((observed) =>
      judge(script, observed[0], observed[1], isAlone),
    );
    return { outcome };
  }

  /**
   * Plays one case while nothing else is played, so that what nobody caught is its own.
   *
   * @returns {Promise<Outcome>}
   */
  async alone(write, name) {
    const { outcome } = await this.play(write, name, true);
    return outcome;
  }

  /**
   * Plays many cases, several at a time; those that differ once more alone.
   *
   * @param {{name: string, write: (id: string) => import('./script').Script}[]} cases
   * @param {object} [options]
   * @param {number} [options.parallel]
   * @param {(name: string, outcome: Outcome) => void} [options.onOutcome]
   * @returns {Promise<{failures: Map<string, Outcome>, unsteady: Map<string, Outcome>, deviations: Map<number | string, number>, uncaught: Set<string>}>}
   */
  async playAll(cases, { parallel = 20, onOutcome } = {}) {
    const queue = cases.values();
    const suspects = [];
    const pending = [];
    const deviations = new Map();
    /** What nobody caught in sockjs-rs, of whatever case. @type {Set<string>} */
    const uncaught = new Set();
    const collect = (one, outcome) => {
      onOutcome?.(one.name, outcome);
      for (const met of outcome.deviations) deviations.set(met, (deviations.get(met) ?? 0) + 1);
      for (const line of outcome.both.ours.uncaught ?? []) uncaught.add(line);
      if (outcome.differences.length > 0) suspects.push({ ...one, first: outcome });
    };
    const worker = async () => {
      for (const one of queue) {
        const { outcome } = await this.play(one.write, one.name);
        pending.push(outcome.then((result) => collect(one, result)));
      }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    await Promise.all(pending);
    const failures = new Map();
    const unsteady = new Map();
    const judgeAgain = async ({ name, write, first }) => {
      const second = await this.alone(write, name);
      for (const met of second.deviations) deviations.set(met, (deviations.get(met) ?? 0) + 1);
      if (second.differences.length > 0) failures.set(name, second);
      else if (!isStray(first) && !second.both.oracle.uncaught?.length) unsteady.set(name, first);
    };
    const isLoud = ({ first }) => first.differences.some(({ path: where }) => STRAY.test(where));
    const quiet = suspects.filter((suspect) => !isLoud(suspect)).values();
    const again = async () => {
      for (const suspect of quiet) await judgeAgain(suspect);
    };
    await Promise.all(Array.from({ length: 8 }, again));
    // A crash is only known to be the case's own when nothing else is played.
    for (const [name, outcome] of [...failures]) {
      if (!isLoud({ first: outcome })) continue;
      failures.delete(name);
      await judgeAgain({ ...cases.find((one) => one.name === name), first: outcome });
    }
    for (const suspect of suspects.filter(isLoud)) await judgeAgain(suspect);
    return { failures, unsteady, deviations, uncaught };
  }

  stop() {
    this.oracle.stop();
    this.ours.stop();
  }
}

/** What another case, played at the same time, may have done to a process. */
const STRAY = /^(?:uncaught|died)\b/;

/** Whether a case only differed in that. */
function isStray({ differences: found }) {
  return found.every(({ path: where }) => STRAY.test(where));
}

/** @returns {Outcome} */
function judge(script, oracle, ours, isAlone) {
  const both = { oracle, ours };
  const deviations = new Set();
  const found = differences(oracle, ours).filter((difference) => {
    const deviation = allowed(difference, { both, script, isAlone });
    if (deviation) deviations.add(deviation.number);
    return !deviation;
  });
  return { script, differences: found, deviations, both };
}

module.exports = { DifferentialRunner };
