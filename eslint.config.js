'use strict';

const js = require('@eslint/js');
const globals = require('globals');

/** Globals that test frameworks replace. */
const REPLACEABLE = [
  'Buffer',
  'Date',
  'JSON',
  'Promise',
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
];

module.exports = [
  {
    ignores: [
      'binding.js',
      '**/target/',
      '__test__/conformance/.venv/',
      '__test__/conformance/reports/',
      'coverage/',
      'test-results/',
      '**/*.min.js',
      'examples/demo/public/vendor/',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.js', '**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: globals.node },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      strict: ['error', 'global'],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      curly: ['error', 'multi-line'],
      'no-var': 'error',
      'prefer-const': 'error',
      'object-shorthand': 'error',
      'no-shadow': 'error',
      'no-implicit-globals': 'error',
      'no-throw-literal': 'error',
      'no-self-compare': 'error',
      'no-template-curly-in-string': 'error',
      'no-unmodified-loop-condition': 'error',
      'no-use-before-define': ['error', { functions: false, classes: false, variables: false }],
      'no-unused-vars': ['error', { args: 'after-used', caughtErrors: 'none' }],
    },
  },
  {
    // lib/globals.js has these as they were when the package was loaded.
    files: ['lib/**/*.js'],
    ignores: ['lib/globals.js'],
    rules: {
      'no-restricted-globals': ['error', ...REPLACEABLE],
      'no-restricted-properties': ['error', { object: 'process', property: 'nextTick' }],
    },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: { sourceType: 'module', globals: globals.node },
  },
  {
    // These files run under Jest, the other suites under `node:test`.
    files: ['__test__/*.js', '__test__/{fixtures,panics,support}/**/*.js'],
    languageOptions: { globals: { ...globals.node, ...globals.jest } },
  },
  {
    // Some functions in these files run in the page.
    files: ['__test__/browser/*.js'],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
  {
    // Scripts that a browser loads without a bundler.
    files: ['examples/*/public/**/*.js', '__test__/browser/page/*.js'],
    languageOptions: { sourceType: 'script', globals: globals.browser },
    rules: {
      'no-implicit-globals': 'off',
      'no-redeclare': ['error', { builtinGlobals: false }],
      'no-unused-vars': ['error', { vars: 'local' }],
    },
  },
];
