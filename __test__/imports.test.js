'use strict';

/*
 * The order of the files in src: ARCHITECTURE.md, "Dependencies".
 */

const fs = require('fs');
const path = require('path');

const root = path.join(__dirname, '../src');
const LAYERS = ['protocol', 'http', 'server', 'ingress', 'addon'];

/** The files with code that is not a test, as the parts of their paths in src. */
function* files(folder = []) {
  for (const entry of fs.readdirSync(path.join(root, ...folder), { withFileTypes: true })) {
    if (entry.isDirectory()) yield* files([...folder, entry.name]);
    else if (!/^(?:testing|tests|\w+_tests)\.rs$/.test(entry.name)) yield [...folder, entry.name];
  }
}

/** The module of a file: `server/events/mod.rs` is server::events. */
const moduleOf = (file) =>
  file.map((part) => part.replace('.rs', '')).filter((part) => part !== 'mod');

/** What the map lists: a file of a layer, or a folder of one. A module of less is the face of a layer, or lib.rs. */
const subjectOf = (module) => module.slice(0, 2).join('/');

/** The paths in a file that begin with `crate` or `super`, as modules. */
function pathsIn(file) {
  const [code] = fs.readFileSync(path.join(root, ...file), 'utf8').split(/#\[cfg\((?:all\()?test/);
  const paths = code.replace(/\/\/.*/g, '').matchAll(/\b(?:crate|super)(?:::\w+)+/g);
  return [...paths].map(([text]) => {
    const parts = text.split('::');
    const ups = parts.filter((part) => part === 'super').length;
    const base = ups > 0 ? moduleOf(file).slice(0, -ups) : [];
    return [...base, ...parts.filter((part) => !['crate', 'super', 'self'].includes(part))];
  });
}

/** The subjects of src, each with the other subjects that it imports. */
function importsOf() {
  const all = [...files()];
  const subjects = new Map(all.map((file) => [subjectOf(moduleOf(file)), new Set()]));
  for (const file of all) {
    const subject = subjectOf(moduleOf(file));
    for (const imported of pathsIn(file).map(subjectOf)) {
      if (imported !== subject && subjects.has(imported)) subjects.get(subject).add(imported);
    }
  }
  return subjects;
}

test('no files of src import each other in a circle', () => {
  const left = importsOf();
  expect(left.get('server/connection')).toContain('server/events');
  for (;;) {
    const free = [...left].filter(([, imports]) => ![...imports].some((other) => left.has(other)));
    if (free.length === 0) break;
    for (const [subject] of free) left.delete(subject);
  }
  expect([...left.keys()]).toEqual([]);
});

test('a layer of src imports only layers below it', () => {
  const layer = (subject) => LAYERS.indexOf(subject.split('/')[0]);
  for (const [subject, imports] of importsOf()) {
    const above = [...imports].filter((other) => layer(other) > layer(subject));
    expect({ subject, above }).toEqual({ subject, above: [] });
  }
});
