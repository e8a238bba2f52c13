'use strict';

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/__test__/**/*.test.js'],
  modulePathIgnorePatterns: ['<rootDir>/target/', '<rootDir>/__dependents__/'],
  testTimeout: 30000,
  // The tests wait more than they compute.
  maxWorkers: '100%',
};
