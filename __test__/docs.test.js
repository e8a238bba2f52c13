'use strict';

/*
 * Every code block of README and docs is run or type-checked, or at least parsed by the program that it is for.
 * `support/docs.js` describes the comments with which a page controls the test of a block.
 */

const { execFile } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { promisify } = require('util');
const { Child } = require('./support/child');
const { GIVEN, blocksOf, pages, root, scriptsOf } = require('./support/docs');
const { isOracle } = require('./support/library');

const run = promisify(execFile);
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');
const PRELOAD = path.join(__dirname, 'fixtures/docs-preload.js');

/** Pages whose code is not run, but whose links are checked. */
const OTHER_PAGES = [
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'bench/README.md',
  'examples/README.md',
];

/** The folder of the running test, where programs find the packages that they name. */
let folder;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sockjs-docs-'));
  const modules = path.join(folder, 'node_modules');
  fs.mkdirSync(modules);
  fs.symlinkSync(root, path.join(modules, 'sockjs-rs'), 'junction');
  for (const name of ['sockjs-client', '@types']) {
    fs.symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name), 'junction');
  }
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

/**
 * @typedef {object} Program
 * @property {string} title
 * @property {string} code
 * @property {import('./support/docs').Block['says']} says
 * @property {import('./support/docs').Block[]} clients code of pages that the program serves
 * @property {import('./support/docs').Block[]} files what is put into its folder
 */

/**
 * The programs of a page: each is one js block, or several that continue each other.
 *
 * @param {string} page
 * @returns {Program[]}
 */
function programsOf(page) {
  const blocks = blocksOf(page);
  const files = blocks.filter(({ says }) => 'file' in says);
  /** @type {Program[]} */
  const programs = [];
  for (const block of blocks) {
    const { says, code, language, line } = block;
    const last = programs.at(-1);
    if ('client' in says) {
      last.clients.push(block);
    } else if ('continues' in says) {
      last.code += code;
      Object.assign(last.says, says);
    } else if (language === 'js') {
      programs.push({ title: `${page}:${line}`, code, says: { ...says }, clients: [], files });
    }
  }
  return programs;
}

/**
 * Runs a program and checks what its page says of it. Nothing may be thrown or written to stderr.
 *
 * @param {Program} given
 */
async function runProgram({ code, says, clients, files }) {
  for (const file of files) fs.writeFileSync(path.join(folder, file.says.file), file.code);
  const program = start('program', says.given ? GIVEN[says.given](code) : code);
  const port = await portOf(program);
  const started = await Promise.all(clients.map((client) => startClient(client, port)));
  if (says.exits) {
    for (const { child } of started) await child.line(/^opened$/);
    program.process.kill(says.exits);
  }
  for (const { child, prints } of started) await child.line(literally(prints));
  for (const prefix of says.echoes?.split(' ') ?? []) {
    for (const transport of ['websocket', 'xhr-polling']) {
      const client = start('echo', echo(prefix, transport), servedBy(port));
      await client.line(literally(`there and back by ${transport}`));
    }
  }
  if (says.given) {
    if (says.given === 'connection') start('client', `new SockJS('/echo');`, servedBy(port));
    await program.line(/^done$/);
  }
  if (says.prints) await program.line(literally(says.prints));
  if (says.exits || !port) {
    await program.exit();
    expect(program.status).toEqual({ code: 0, signal: null });
  }
  expect([program.errors, ...started.map(({ child }) => child.errors)].join('')).toBe('');
  expect(program.status?.code).toBe(says.exits || !port ? 0 : undefined);
}

/**
 * Starts a program of the documentation.
 *
 * @param {string} name of its file
 * @param {string} code
 * @param {NodeJS.ProcessEnv} [env]
 */
function start(name, code, env) {
  const file = path.join(folder, name + (/^import /m.test(code) ? '.mjs' : '.cjs'));
  fs.writeFileSync(file, code);
  return new Child(file, {
    env: { NODE_OPTIONS: `--require ${JSON.stringify(PRELOAD)}`, ...env },
    cwd: folder,
  });
}

/** @param {string} port of the server from which a page has its script */
const servedBy = (port) => ({ DOCS_SERVER: `http://127.0.0.1:${port}` });

/** @param {string} text */
const literally = (text) => new RegExp(text.replace(/[^\w ]/g, '\\$&'));

/**
 * @param {Child} program
 * @returns {Promise<string | undefined>} undefined if it has ended without listening
 */
async function portOf(program) {
  try {
    return (await program.line(/^listening (\d+)$/))[1];
  } catch (error) {
    if (program.status?.code !== 0) throw error;
    return undefined;
  }
}

/**
 * Starts the code of a page, after loading the scripts that it names.
 *
 * @param {import('./support/docs').Block} block
 * @param {string} port
 */
async function startClient({ code, language, says, line }, port) {
  const scripts = language === 'html' ? scriptsOf(code) : { sources: [], code };
  for (const source of scripts.sources) {
    const response = await fetch(new URL(source, `http://127.0.0.1:${port}/`));
    expect(await response.text()).toContain('SockJS');
  }
  return { child: start(`client-${line}`, scripts.code, servedBy(port)), prints: says.prints };
}

const echo = (prefix, transport) => `
  const socket = new SockJS('${prefix}', null, { transports: ['${transport}'] });
  socket.onopen = () => socket.send('there and back by ');
  socket.onmessage = ({ data }) => console.log(data + socket.transport);
`;

/** The blocks of all pages in a language. */
const blocksIn = (language) =>
  pages()
    .flatMap((page) => blocksOf(page))
    .filter((block) => block.language === language)
    .map((block) => ({ ...block, title: `${block.page}:${block.line}` }));

const describeDocs = isOracle ? describe.skip : describe;

describeDocs('the code of README and docs', () => {
  test('is in languages that this suite checks, and every block says how it is tested', () => {
    const known = ['js', 'ts', 'html', 'json', 'yaml', 'sh', 'nginx', 'haproxy'];
    const blocks = pages().flatMap((page) => blocksOf(page));
    expect(blocks.filter(({ language }) => !known.includes(language))).toEqual([]);
    const silent = blocks.filter(({ says }) => 'client' in says && !says.prints);
    expect(silent).toEqual([]);
    const alone = blocks.filter(({ language, says }) => language === 'html' && !('client' in says));
    expect(alone).toEqual([]);
    const unread = blocks.filter(({ language, says }) => language === 'yaml' && !says.installs);
    expect(unread).toEqual([]);
    const untried = pages()
      .flatMap(programsOf)
      .filter(({ says, clients }) => clients.length === 0 && Object.keys(says).length === 0);
    expect(untried.map(({ title }) => title)).toEqual([]);
  });

  test.each(pages().flatMap(programsOf))('$title (js) runs', runProgram);

  test('all ts compiles', async () => {
    const blocks = blocksIn('ts');
    expect(blocks).not.toEqual([]);
    const files = blocks.map(({ page, line }) => `${page.replace(/\W/g, '-')}-${line}.ts`);
    blocks.forEach(({ code }, index) => fs.writeFileSync(path.join(folder, files[index]), code));
    const options = {
      module: 'nodenext',
      target: 'es2022',
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: ['node'],
    };
    const config = path.join(folder, 'tsconfig.json');
    fs.writeFileSync(config, JSON.stringify({ compilerOptions: options, files }));
    const tsc = require.resolve('typescript/lib/tsc.js');
    const { code, stdout } = await run(process.execPath, [tsc, '-p', config]).catch((e) => e);
    expect([code, stdout]).toEqual([undefined, '']);
  }, 60000);

  test.each(blocksIn('json'))('$title (json) can be parsed', ({ code }) => {
    JSON.parse(code);
  });

  test.each(blocksIn('sh'))(
    '$title (sh) can be parsed, and names existing scripts',
    async (block) => {
      await run('bash', ['-n', '-c', block.code]);
      const { scripts } = JSON.parse(read('package.json'));
      const named = [...block.code.matchAll(/\bnpm (?:run )?(start|test|(?<=run )[\w:]+)/g)];
      for (const [, script] of named) expect(Object.keys(scripts)).toContain(script);
      for (const [, file] of block.code.matchAll(/\bnode ((?:examples|bench|scripts)\/\S+)/g)) {
        require.resolve(path.join(root, file));
      }
    },
  );

  describe.each(['haproxy', 'nginx'])('%s', (language) => {
    const examples = `examples/${language}`;

    // The suite of examples/ runs these files.
    test.each(blocksIn(language))(`$title is part of a file of ${examples}`, ({ code }) => {
      const texts = fs
        .readdirSync(path.join(root, examples))
        .map((name) => read(`${examples}/${name}`));
      expect(texts.filter((text) => text.includes(code))).not.toEqual([]);
    });
  });
});

describeDocs('README and docs', () => {
  test.each([...pages(), ...OTHER_PAGES])('%s: every link has a target', (page) => {
    const text = read(page).replace(/^```[^]*?^```/gm, '');
    const broken = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].filter(
      ([, file, anchor]) => {
        const target = file ? path.join(path.dirname(page), file) : page;
        if (!fs.existsSync(path.join(root, target))) return true;
        return anchor !== undefined && !anchorsOf(read(target)).includes(anchor);
      },
    );
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  test('the map of ARCHITECTURE.md lists exactly the files of lib and src', () => {
    const [, map] = read('ARCHITECTURE.md').split(/^lib\/|^npm\//m);
    const named = map.match(/[\w-]+\.(?:js|rs)\b|\b\w+\/(?= )/g);
    const present = [...fs.readdirSync(path.join(root, 'lib')), ...subjects('src')];
    expect(present.length).toBeGreaterThan(60);
    expect(present.filter((name) => !named.includes(name))).toEqual([]);
    expect(named.filter((name) => ![...present, 'lib/', 'mod.rs'].includes(name))).toEqual([]);
  });

  test('code and tests refer to headings of docs/compatibility.md that exist', () => {
    const headings = new Set(
      [...read('docs/compatibility.md').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading),
    );
    const texts = ['src', 'lib', '__test__', 'fuzz', 'bench'].map((from) =>
      allText(from, /\.(?:rs|js)$/),
    );
    const referred = [
      ...texts.join('\n').matchAll(/docs\/compatibility\.md,[\s*/]*"([^"]+)"/g),
    ].map(([, heading]) => heading);
    expect(referred.length).toBeGreaterThan(10);
    expect(referred.filter((heading) => !headings.has(heading))).toEqual([]);
  });

  test('docs/troubleshooting.md quotes texts that are in the server or the client', () => {
    const said = [
      allText('src', /\.rs$/),
      allText('lib', /\.js$/),
      allText('node_modules/sockjs-client/lib', /\.js$/),
    ].join('\n');
    const text = read('docs/troubleshooting.md');
    const reasons = [...text.matchAll(/^\| \d{4}[^|"]*"([^":]+)/gm)].map(([, reason]) => reason);
    const answers = [...text.matchAll(/^\| [45]\d\d ([^|]+) \|/gm)].flatMap(([, cell]) =>
      [...cell.matchAll(/`([^`…]+)/g)].map(([, answer]) => answer),
    );
    const frameworks = answers.filter((answer) => answer.startsWith('Cannot GET'));
    const quoted = [...reasons, ...answers].filter((each) => !frameworks.includes(each));
    expect(quoted.length).toBeGreaterThan(15);
    const escaped = said.replaceAll('\\"', '"');
    expect(quoted.filter((each) => !escaped.includes(each))).toEqual([]);
  });

  test('docs/api.md has every option with its default', () => {
    const [, section] = read('docs/api.md').split('\n## Options\n');
    const rows = new Map(
      [...section.split('\n## ')[0].matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map(
        ([, name, value]) => [name, value],
      ),
    );
    const declared = /interface ServerOptions \{([^]*?)\n {2}\}/.exec(read('index.d.ts'))[1];
    const names = [...declared.matchAll(/^ {4}(\w+)\?:/gm)].map(([, name]) => name);
    const missing = names.filter((name) => !rows.has(name));
    expect(missing).toEqual([]);
    const { log, ...defaults } = require('../lib/options').complete();
    expect(typeof log).toBe('function');
    for (const [name, value] of Object.entries(defaults)) {
      const text = typeof value === 'string' && value ? value : JSON.stringify(value);
      expect([name, rows.get(name)]).toEqual([name, `\`${text.replaceAll('""', "''")}\``]);
    }
  });

  test('docs/api.md has every member of the types, every error code and every transport', () => {
    const api = read('docs/api.md');
    const types = read('index.d.ts');
    const members = [
      ...types.matchAll(/interface (Server|Connection|FirstConnection)\b[^]*?\n {2}\}/g),
    ]
      .flatMap(([text]) => [...text.matchAll(/^ {4}(?:readonly )?(\w+)\??[(:]/gm)])
      .map(([, name]) => name)
      .filter((name) => !/^(?:on|once|addListener)$/.test(name));
    const codes = read('lib/errors.js')
      .match(/ERR_\w+/g)
      .concat(read('lib/load.js').match(/ERR_\w+/g));
    const events = [...types.matchAll(/event: ('[^:]*'),/g)].flatMap(([, text]) =>
      text.match(/\w+/g),
    );
    const transports = [...types.matchAll(/^ {4}\| '([\w-]+)'/gm)].map(([, name]) => name);
    const wanted = new Set([...members, ...codes, ...events, ...transports]);
    expect(wanted.size).toBeGreaterThan(40);
    const missing = [...wanted].filter((name) => !new RegExp(`\`[^\`]*\\b${name}\\b`).test(api));
    expect(missing).toEqual([]);
  });
});

/**
 * Reads all files of a folder, except installed packages and built files: a link among them may lead back to it.
 *
 * @param {string} from a folder
 * @param {RegExp} kind of the files
 * @returns {string} the text of all its files
 */
function allText(from, kind) {
  return fs
    .readdirSync(path.join(root, from), { withFileTypes: true })
    .map((entry) => {
      const inside = path.join(from, entry.name);
      if (entry.isDirectory()) {
        return /^(?:node_modules|target)$/.test(entry.name) ? '' : allText(inside, kind);
      }
      return kind.test(entry.name) ? read(inside) : '';
    })
    .join('\n');
}

/**
 * The files and folders of `from` that the map of ARCHITECTURE.md must list; in `src`, also those of each layer.
 *
 * @param {string} from a folder
 * @returns {string[]} folders end with a slash
 */
function subjects(from) {
  const entries = fs.readdirSync(path.join(root, from), { withFileTypes: true });
  return entries.flatMap((entry) => {
    if (/^(?:mod|testing|\w+_tests)\.rs$/.test(entry.name)) return [];
    if (!entry.isDirectory()) return [entry.name];
    // The files of a folder inside of a layer have the line of the folder.
    const inside = from === 'src' ? subjects(`${from}/${entry.name}`) : [];
    return [`${entry.name}/`, ...inside];
  });
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(text) {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}
