'use strict';

/**
 * @file Measures what a process uses, with /proc, and finds growth.
 */

const fs = require('node:fs');

/** Figures of `/proc/<pid>/status`, in bytes. */
const STATUS = { rss: 'VmRSS', data: 'VmData' };

const MEBIBYTE = 1024 * 1024;

/**
 * @param {number} pid
 * @returns {{ rss: number, data: number, threads: number, descriptors: number }}
 */
function sample(pid) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]);
  return {
    rss: field(STATUS.rss) * 1024,
    data: field(STATUS.data) * 1024,
    threads: field('Threads'),
    descriptors: fs.readdirSync(`/proc/${pid}/fd`).length,
  };
}

/**
 * @param {number} pid
 * @returns {Record<string, number>} the numbers of its descriptors, by target
 */
function descriptors(pid) {
  const kinds = {};
  for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
    let target;
    try {
      target = fs.readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\d+/g, 'N');
    } catch {
      continue;
    }
    kinds[target] = (kinds[target] ?? 0) + 1;
  }
  return kinds;
}

/** @returns {number} seconds of processor time that a process has used */
function cpuSeconds(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime and stime, in ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** @param {number[]} numbers */
function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * How much a figure may grow from the second third of the samples to the last: the larger of `bytes` and `part`
 * of the figure. The first third is the warm-up.
 *
 * @type {Record<string, { bytes: number, part: number }>}
 */
const TOLERANCE = {
  // The allocators may keep memory that large messages have used.
  rss: { bytes: 16 * MEBIBYTE, part: 0.1 },
  data: { bytes: 32 * MEBIBYTE, part: 0.1 },
  heapUsed: { bytes: MEBIBYTE, part: 0.05 },
  external: { bytes: MEBIBYTE, part: 0.05 },
};

/**
 * @param {Record<string, number>[]} samples taken while the process is idle
 * @returns {{ name: string, before: number, after: number, grows: boolean }[]} medians of both halves
 */
function growth(samples) {
  const warm = samples.slice(Math.floor(samples.length / 3));
  const half = warm.length >> 1;
  if (half === 0) return [];
  return Object.entries(TOLERANCE)
    .filter(([name]) => name in warm[0])
    .map(([name, { bytes, part }]) => {
      const before = median(warm.slice(0, half).map((each) => each[name]));
      const after = median(warm.slice(-half).map((each) => each[name]));
      return { name, before, after, grows: after - before > Math.max(bytes, before * part) };
    });
}

/** @param {number} bytes */
const mebibytes = (bytes) => (bytes / MEBIBYTE).toFixed(1);

module.exports = { sample, descriptors, cpuSeconds, growth, median, mebibytes };
