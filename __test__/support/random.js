'use strict';

/** A generator of pseudo-random numbers from a seed (mulberry32). */
class Random {
  /** @param {...number} seeds */
  constructor(...seeds) {
    this.state = 0x9e3779b9;
    for (const seed of seeds) {
      this.state = Math.imul(this.state ^ seed, 0x85ebca6b) + 0x6d2b79f5;
      this.next();
    }
  }

  /** @returns {number} at least 0 and less than 1 */
  next() {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** @returns {number} an integer from `from` to `to`, both included */
  int(from, to) {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  /** @param {number} probability of true */
  chance(probability) {
    return this.next() < probability;
  }

  /**
   * @template T
   * @param {T[]} list
   * @returns {T}
   */
  pick(list) {
    return list[this.int(0, list.length - 1)];
  }

  /**
   * @template T
   * @param {[number, T][]} table weights and values
   * @returns {T}
   */
  weighted(table) {
    let left = this.next() * table.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of table) {
      left -= weight;
      if (left < 0) return value;
    }
    return table[table.length - 1][1];
  }

  /**
   * @param {number} length
   * @param {number} most the largest number of cuts
   * @returns {number[]} positions at which something of this length is cut, in ascending order
   */
  cuts(length, most) {
    const cuts = new Set();
    for (let count = this.int(1, most); count > 0; count--) cuts.add(this.int(1, length - 1));
    return length < 2 ? [] : [...cuts].sort((a, b) => a - b);
  }
}

module.exports = { Random };
