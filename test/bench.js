/**
 * Measures dump, apply and the rest beside what bounds them: `cat`, `zstd`, and a C program that does the least work.
 *
 *   npm run bench -- [--size 2G] [--runs 5] [--only PATTERN] [--folder DIR]
 *
 * The runs are interleaved, so that what else the machine does meets all of them alike. The page cache is warm.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { makeOrigin, makeStore } from './bench/make-snapshot.js';
import { makePool, makeSparseVolume } from './bench/make-pool.js';
import { measure } from './bench/measure.js';
import { makeParts, makeSmaller } from './bench/make-streams.js';
import { WORKS } from './bench/works.js';

const SHARE = 0.25;
const MIB = 2 ** 20;
const PLAIN = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' };
const BORDERLESS = {
  ...PLAIN,
  ...{ 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '' },
  ...{ right: '', 'right-mid': '', middle: '  ' },
};

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '2G' },
    runs: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    folder: { type: 'string', default: tmpdir() },
  },
});

const say = (line) => process.stderr.write(`bench: ${line}\n`);

function parseSize(text) {
  const [, digits, unit] = /^(\d+)([MG])$/.exec(text) ?? [];
  if (digits === undefined) throw new Error(`--size ${text}: write for example 256M or 2G`);
  return Number(digits) * (unit === 'G' ? 2 ** 30 : MIB);
}

const succeeds = (command, args) =>
  spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;

/** Makes everything that the commands work on; what they are called there is in works.js. */
function prepare(folder, size) {
  const at = (name) => path.join(folder, name);
  const places = Object.fromEntries(
    [
      'origin',
      'cow',
      'stream',
      'lvs',
      'target',
      'fresh',
      'limit',
      'pool',
      'volume',
      'one',
      'two',
      'parts',
    ].map((name) => [name, at(name)]),
  );
  makeOrigin(places.origin, size);
  const chunks = makeStore(places.cow, size, SHARE);
  copyFileSync(places.origin, places.target);
  const all = { ...places, folder };
  const dump = 'lvstream dump --cow "$cow" --origin "$origin"';
  measure(`${dump} -o "$lvs" && ${dump} --format lvmsync -o "$stream"`, all);
  makeSmaller(all, 'one', size, 2);
  makeSmaller(all, 'two', size, 3);
  makeParts(all, size);
  const source = fileURLToPath(new URL('bench/limit.c', import.meta.url));
  const tools = new Set();
  if (succeeds('cc', ['-O2', '-o', places.limit, source])) tools.add('cc');
  if (spawnSync('zstd', ['--version']).status === 0) tools.add('zstd');
  if (spawnSync('rbd', ['--version']).status === 0) tools.add('rbd');
  if (makePool(places.pool)) tools.add('thin_delta');
  makeSparseVolume(places.volume);
  return { places: all, chunks, tools };
}

/** Every work once a round; answers what was measured by the work's name. */
function runRounds(works, places, rounds) {
  const found = new Map(works.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    say(round === 0 ? 'warming up' : `round ${round} of ${rounds}`);
    for (const { name, shell } of works) {
      mkdirSync(places.fresh);
      const measured = measure(shell, places);
      if (round > 0) found.get(name).push(measured);
      rmSync(places.fresh, { recursive: true });
    }
  }
  return found;
}

function summarise(measured) {
  const times = measured.map(({ ms }) => ms).sort((a, b) => a - b);
  const peaks = measured.flatMap(({ peakKib }) => peakKib ?? []);
  const middle = times.length >> 1;
  const median = times.length % 2 === 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
  return { median, least: times[0], most: times.at(-1), peakMib: peaks.length && Math.max(...peaks) / 1024 };
}

const seconds = (ms) => (ms / 1000).toFixed(2);

function tabulate(works, found, streamSize) {
  const summaries = new Map([...found].map(([name, measured]) => [name, summarise(measured)]));
  const table = new Table({
    head: ['work', 'median s', 'min–max', 'MiB/s', 'ratio', 'least', 'beside', 'peak MiB'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'left', 'right'],
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const { name, beside, data = true } of works) {
    const { median, least, most, peakMib } = summaries.get(name);
    const unit = summaries.get(beside);
    const speed = data ? Math.round(streamSize / MIB / (median / 1000)) : '';
    const ratios = unit ? [(median / unit.median).toFixed(2), (least / unit.least).toFixed(2)] : ['', ''];
    const range = `${seconds(least)}–${seconds(most)}`;
    table.push([
      name,
      seconds(median),
      range,
      speed,
      ...ratios,
      unit ? beside : '',
      peakMib ? Math.ceil(peakMib) : '',
    ]);
  }
  return table.toString();
}

function bench(folder) {
  const size = parseSize(options.size);
  const rounds = Number(options.runs);
  say(`making an origin of ${options.size} and a snapshot of it in ${folder}`);
  const { places, chunks, tools } = prepare(folder, size);
  const wanted = WORKS.filter(({ name, yardstick }) => yardstick || new RegExp(options.only).test(name));
  const besides = new Set(wanted.map(({ beside }) => beside));
  const works = wanted.filter(
    ({ name, yardstick, needs }) => (!needs || tools.has(needs)) && (!yardstick || besides.has(name)),
  );
  const found = runRounds(works, places, rounds);
  const [streamSize, lvsSize] = [places.stream, places.lvs].map((file) => statSync(file).size);
  console.log(
    `${chunks} of ${size / 4096} chunks of 4 KiB changed; stream ${(streamSize / MIB).toFixed(1)} MiB, ` +
      `.lvs ${(lvsSize / MIB).toFixed(1)} MiB; ${rounds} runs; Node ${process.versions.node}, ${cpus().length} CPUs\n`,
  );
  console.log(tabulate(works, found, streamSize));
  console.log('\nratio: of the medians, least: of the least times, to what it stands beside');
}

const folder = mkdtempSync(path.join(options.folder, 'lvstream-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
bench(folder);
