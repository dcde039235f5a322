/**
 * Makes a fresh clone ready: installs the packages that the lock file names and compiles `src/` into
 * `dist/`, each only when that is not done already. It needs Node alone, for it runs before anything else.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (...names) => path.join(root, ...names);
const stampPath = at('dist', '.compiled');

const say = (line) => process.stderr.write(`setup: ${line}\n`);

function giveUp(line) {
  say(line);
  process.exit(1);
}

const readPackages = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;

/** Compares what npm noted when it installed with the lock file: times say nothing after a checkout. */
function isInstalled() {
  const noted = at('node_modules', '.package-lock.json');
  if (!existsSync(noted)) return false;
  const installed = readPackages(noted);
  return Object.entries(readPackages(at('package-lock.json'))).every(([folder, wanted]) => {
    if (folder === '') return true;
    const found = installed[folder];
    return found === undefined ? wanted.optional === true : found.version === wanted.version;
  });
}

const onPath = (command) =>
  (process.env.PATH ?? '').split(path.delimiter).some((folder) => existsSync(path.join(folder, command)));

const missingBuildTools = () => [
  ...(['c++', 'g++', 'clang++'].some(onPath) ? [] : ['a C++ compiler']),
  ...['make', 'python3'].filter((command) => !onPath(command)),
];

function install() {
  say('installing packages (npm ci; about a minute, as one of them is compiled)');
  const { status, error } = spawnSync('npm', ['ci', '--include=dev', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (error) giveUp(`npm cannot be run: ${error.message}`);
  if (status === 0) return;
  const missing = missingBuildTools();
  if (missing.length === 0) giveUp('npm ci failed: see above');
  giveUp(
    `npm ci failed, and zstd-napi has to be compiled here, but this machine lacks ${missing.join(', ')}; ` +
      'on Debian: apt-get install g++ make python3',
  );
}

const filesIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
        .sort()
    : [];

/** One line a file that the compiled output depends on: its name, time and size. */
function describeSources() {
  const sources = filesIn(at('src')).map((file) => path.join('src', file));
  return [...sources, 'tsconfig.json', 'package-lock.json']
    .map((file) => ({ file, stats: statSync(at(file)) }))
    .map(({ file, stats }) => `${file} ${stats.mtimeMs} ${stats.size}\n`)
    .join('');
}

const isCompiled = (sources) =>
  existsSync(stampPath) &&
  existsSync(at('dist', '.tsbuildinfo')) &&
  readFileSync(stampPath, 'utf8') === sources;

/** What was compiled from a file that is gone would still be imported, tested and packed. */
function removeOrphans() {
  for (const file of filesIn(at('dist'))) {
    const source = file.replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts');
    if (source !== file && !existsSync(at('src', source))) rmSync(at('dist', file));
  }
}

function compile(sources) {
  say('compiling src/ (tsc)');
  removeOrphans();
  const compiler = at('node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [compiler, '--project', at('tsconfig.json')], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) giveUp('src/ does not compile: see above');
  writeFileSync(stampPath, sources);
}

if (isInstalled()) say('packages are installed');
else install();

const sources = describeSources();
if (isCompiled(sources)) say('src/ is compiled');
else compile(sources);
