import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect } from 'vitest';
import { decompress } from 'zstd-napi';
import { isMap } from '#src/format/open-stream.js';
import { applyPlain, formatPlain, normalise, parsePlain } from '../cli/plain-records.js';
import { succeed } from '../cli/run-lvstream.js';
import { openBytes } from '../streams.js';
import { simulate } from '../lvm/thick/cow-model.js';
import { MetadataBuilder, packMapping } from '../lvm/thin/metadata-builder.js';
import type { Ended, Program } from './strace.js';

/** Runs of every command that take a few system calls each, and what must have come of them. */
export interface SmallRun {
  readonly name: string;
  readonly program?: 'lvstream' | 'lvmsync';
  /** What begins with `./` is a file in the folder of the run. */
  readonly args: readonly string[];
  /** The files that are there before, by their names. */
  readonly given: Readonly<Record<string, Buffer>>;
  /** The file that the run makes, and what that must be. */
  readonly makes?: { readonly name: string; readonly check: (made: Buffer) => unknown };
  /** What `./device` must hold then. */
  readonly device?: Buffer;
  /** What must be on standard output. */
  readonly says?: RegExp;
  /** The status that it ends with, where it is not 0. */
  readonly status?: number;
}

const BLOCK = 4096;
const SIZE = 128 * BLOCK;
const OLD = Buffer.from(Uint8Array.from({ length: SIZE }, (_, i) => 1 + ((i >> 9) % 251)));
/** As long as a zero record has to be. */
const ZEROED = Array.from({ length: 32 }, (_, i) => ({ chunk: 32 + i, fill: 0 }));
const CHANGED = [
  { chunk: 3, fill: 7 },
  { chunk: 9, fill: 8 },
];
const { cow: COW, origin: NEW } = simulate(OLD, BLOCK, [...CHANGED, ...ZEROED], 0);
const RANGES = [
  [3 * BLOCK, BLOCK],
  [9 * BLOCK, BLOCK],
  [32 * BLOCK, 32 * BLOCK],
];
const RECORDS = RANGES.map(([offset = 0, length = 0]) => ({
  offset,
  data: NEW.subarray(offset, offset + length),
}));
const PLAIN = formatPlain(RECORDS);

const THIN_BLOCK = 65_536;
const THIN_SOURCE = Buffer.concat([Buffer.alloc(THIN_BLOCK, 1), Buffer.alloc(THIN_BLOCK, 2)]);

/** The metadata of a pool in which thin device 2 has another second block than device 1. */
function thinMetadata(): Buffer {
  const builder = new MetadataBuilder();
  const roots = [1, 2].map((id): [number, number] => {
    const entries = [0, id].map((block, index) => [index, packMapping(block)] as const);
    return [id, builder.tree(entries, 8)];
  });
  return builder.image(new Map(roots));
}

/** A whole `.lvs` file whose records are these. */
function holds(records: typeof RECORDS) {
  return async (made: Buffer): Promise<void> => {
    const stream = await openBytes(made);
    for await (const batch of stream.batches) expect(batch.kind).toMatch(/data|zeros/);
    expect(normalise(parsePlain(decompress(made)))).toEqual(normalise(records));
  };
}

/** A snapback that takes the new state back to the old one. */
async function undoes(made: Buffer): Promise<void> {
  const stream = await openBytes(made);
  for await (const batch of stream.batches) expect(batch.kind).toMatch(/data|zeros/);
  expect(applyPlain(NEW, parsePlain(decompress(made))).equals(OLD)).toBe(true);
}

async function lists(made: Buffer): Promise<void> {
  const stream = await openBytes(made);
  if (!isMap(stream)) throw new Error('no map');
  const found: number[][] = [];
  for await (const part of stream.ranges) for (const { offset, length } of part) found.push([offset, length]);
  expect(found).toEqual(RANGES);
}

/** A folder in which small runs are made one after the other. */
export class RunFolder {
  readonly #path: string;

  constructor(folder: string) {
    this.#path = folder;
  }

  at(name: string): string {
    return path.join(this.#path, name);
  }

  read(name: string): Buffer {
    return readFileSync(this.at(name));
  }

  names(): string[] {
    return readdirSync(this.#path).sort();
  }

  /** Puts these files there, and nothing else. */
  fill(given: SmallRun['given']): void {
    rmSync(this.#path, { recursive: true, force: true });
    mkdirSync(this.#path);
    for (const [name, bytes] of Object.entries(given)) writeFileSync(this.at(name), bytes);
  }

  program({ program = 'lvstream', args, given, makes }: SmallRun): Program {
    const made = makes === undefined ? [] : [makes.name, `.${makes.name}.$$.tmp`, `${makes.name}.partial`];
    return {
      bin: fileURLToPath(new URL(`../../bin/${program}.js`, import.meta.url)),
      args: args.map((arg) => (arg.startsWith('./') ? this.at(arg.slice(2)) : arg)),
      files: [this.#path, ...[...Object.keys(given), ...made].map((name) => this.at(name))],
    };
  }

  /** Makes the run, with what is already there. */
  async run(run: SmallRun, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const { bin, args } = this.program(run);
    const { exitCode, stdout, stderr } = await execa(process.execPath, [bin, ...args], {
      env,
      reject: false,
    });
    return { status: exitCode, output: stdout, errors: stderr };
  }

  /** Throws unless the run ended as it should, with what it should leave. */
  async expectDone({ makes, device, says, status = 0 }: SmallRun, run: Ended): Promise<void> {
    expect({ status: run.status, errors: run.errors }).toMatchObject({ status });
    if (says) expect(run.output).toMatch(says);
    if (makes) await makes.check(this.read(makes.name));
    if (device) expect(this.read('device').equals(device)).toBe(true);
  }

  /** Makes a file with a command of lvstream. */
  async make(given: SmallRun['given'], made: string, ...args: string[]): Promise<Buffer> {
    this.fill(given);
    await succeed(args.map((arg) => (arg.startsWith('./') ? this.at(arg.slice(2)) : arg)));
    return this.read(made);
  }
}

const THICK = ['--cow', './cow', '--origin', './origin'];
const THIN = ['--thin-metadata', './metadata', '--from', '2', '--to', '1', '--source', './source'];

/** `folder` is where they will be made: a snapback names its device. */
export async function smallRuns(folder: RunFolder): Promise<SmallRun[]> {
  const thick = { cow: COW, origin: NEW };
  const mapOf = (cow: Buffer, origin: Buffer) =>
    folder.make({ cow, origin }, 'made', 'changes', ...THICK, '-o', './made');
  const map = await mapOf(COW, NEW);
  const [first, second] = [simulate(OLD, BLOCK, CHANGED, 0), simulate(OLD, BLOCK, ZEROED, 0)];
  const maps = {
    first: await mapOf(first.cow, first.origin),
    second: await mapOf(second.cow, second.origin),
  };
  const changes = await folder.make(thick, 'made', 'dump', ...THICK, '--base-digests', '-o', './made');
  const given = { stream: changes, device: OLD };
  const undo = await folder.make(given, 'undo', 'apply', './stream', './device', '-b', './undo');
  return [
    ...dumps(thick, { map, data: NEW }),
    ...applies(changes, undo),
    ...looks(changes),
    ...transforms(changes, maps),
  ];
}

function dumps(thick: SmallRun['given'], mapped: SmallRun['given']): SmallRun[] {
  const thin = { metadata: thinMetadata(), source: THIN_SOURCE };
  const stream = { name: 'made', check: holds(RECORDS) };
  const block = { offset: THIN_BLOCK, data: THIN_SOURCE.subarray(THIN_BLOCK) };
  const output = ['-o', './made'];
  return [
    {
      name: 'dump --cow',
      given: thick,
      args: ['dump', ...THICK, '--base-digests', ...output],
      makes: stream,
    },
    {
      name: 'dump --thin-metadata',
      given: thin,
      args: ['dump', ...THIN, ...output],
      makes: { name: 'made', check: holds([block]) },
    },
    {
      name: 'dump --map',
      given: mapped,
      // Quiet, or it remarks that the data may be newer than the map.
      args: ['dump', '--quiet', '--map', './map', '--data-source', './data', ...output],
      makes: stream,
    },
    {
      name: 'changes',
      given: thick,
      args: ['changes', ...THICK, ...output],
      makes: { name: 'made', check: lists },
    },
  ];
}

function applies(changes: Buffer, undo: Buffer): SmallRun[] {
  const makes = { name: 'undo', check: undoes };
  const plain = { stream: PLAIN, device: OLD };
  const lvs = { stream: changes, device: OLD };
  const args = ['apply', './stream', './device'];
  return [
    { name: 'apply of a plain stream', given: plain, args, device: NEW },
    { name: 'apply', given: lvs, args, device: NEW },
    {
      name: 'apply of a plain stream with a snapback',
      given: plain,
      args: [...args, '-b', './undo'],
      device: NEW,
      makes,
    },
    { name: 'apply with a snapback', given: lvs, args: [...args, '-b', './undo'], device: NEW, makes },
    {
      name: 'apply of a snapback',
      given: { undo, device: NEW },
      args: ['apply', './undo', './device'],
      device: OLD,
    },
    {
      name: 'apply of a snapback with another',
      given: { stream: undo, device: NEW },
      args: [...args, '-b', './redo'],
      device: OLD,
      makes: { name: 'redo', check: holds(RECORDS) },
    },
    {
      name: 'lvmsync --apply',
      program: 'lvmsync',
      given: plain,
      args: ['--apply', './stream', './device'],
      device: NEW,
    },
    {
      name: 'lvmsync --apply -b',
      program: 'lvmsync',
      given: plain,
      args: ['-b', './undo', '--apply', './stream', './device'],
      device: NEW,
      makes,
    },
  ];
}

function looks(stream: Buffer): SmallRun[] {
  const against = (device: Buffer) => ({
    given: { stream, device },
    args: ['verify', './stream', '--against', './device'],
  });
  return [
    { name: 'verify', given: { stream }, args: ['verify', './stream'], says: /whole/ },
    { name: 'verify --against', ...against(NEW), says: /holds/ },
    { name: 'verify --against another', ...against(OLD), says: /differ/, status: 6 },
    { name: 'info', given: { stream }, args: ['info', './stream'], says: /records +3/ },
  ];
}

function transforms(changes: Buffer, maps: SmallRun['given']): SmallRun[] {
  const damaged = { stream: changes.subarray(0, changes.length - 40) };
  const stream = { name: 'made', check: holds(RECORDS) };
  const plain = { name: 'made', check: (made: Buffer) => expect(made.equals(PLAIN)).toBe(true) };
  const output = ['-o', './made'];
  return [
    { name: 'compress', given: { stream: PLAIN }, args: ['compress', './stream', ...output], makes: stream },
    {
      name: 'compress --salvage',
      given: damaged,
      args: ['compress', '--salvage', './stream', ...output],
      makes: stream,
      status: 5,
    },
    {
      name: 'decompress',
      given: { stream: changes },
      args: ['decompress', './stream', ...output],
      makes: plain,
    },
    {
      name: 'merge',
      given: maps,
      args: ['merge', '--quiet', './first', './second', ...output],
      makes: { name: 'made', check: lists },
    },
  ];
}
