import { spawnSync } from 'node:child_process';
import {
  mkdtempSync,
  openSync,
  closeSync,
  ftruncateSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** thin-provisioning-tools, and the text that they read and write. */

/** Device → (block of the device → data block). */
export type Mappings = ReadonlyMap<number, ReadonlyMap<number, number>>;

/** As thin_delta and lvstream have it, in data blocks. */
export interface Run {
  readonly kind: 'left' | 'right' | 'differ';
  readonly begin: number;
  readonly length: number;
}

/** More than any mapping names; thin_restore makes room for its counts. */
const DATA_BLOCKS = 2 ** 21;
const KINDS = { left_only: 'left', right_only: 'right', different: 'differ' } as const;

/** Metadata of these mappings, made by thin_restore. Blocks that follow each other in both become one range. */
export function restore(mappings: Mappings, blockSectors = 128, mebibytes = 2): Buffer {
  return inFolder((folder) => {
    const [xml, image] = [path.join(folder, 'pool.xml'), path.join(folder, 'tmeta.img')];
    writeFileSync(xml, formatPool(mappings, blockSectors));
    const fd = openSync(image, 'w');
    ftruncateSync(fd, mebibytes * 2 ** 20);
    closeSync(fd);
    run('thin_restore', '-i', xml, '-o', image);
    return readFileSync(image);
  });
}

/** What thin_delta finds between two devices of an image; adjacent runs of a kind joined. */
export function thinDelta(image: Uint8Array, left: number, right: number): Run[] {
  return inFolder((folder) => {
    const file = path.join(folder, 'tmeta.img');
    writeFileSync(file, image);
    return parseDelta(run('thin_delta', '--snap1', String(left), '--snap2', String(right), file));
  });
}

/** The runs of thin_delta's XML without what is the same. */
export function parseDelta(xml: string): Run[] {
  const runs: Run[] = [];
  for (const [, tag, begin, length] of xml.matchAll(/<(\w+) begin="(\d+)" length="(\d+)"\/>/g)) {
    if (tag === 'same') continue;
    addRun(runs, { kind: KINDS[tag as keyof typeof KINDS], begin: Number(begin), length: Number(length) });
  }
  return runs;
}

/** Joins the run to the last one if it goes on there. */
export function addRun(runs: Run[], run: Run): void {
  const last = runs.at(-1);
  if (last?.kind !== run.kind || last.begin + last.length !== run.begin) runs.push(run);
  else runs[runs.length - 1] = { ...last, length: last.length + run.length };
}

/** The difference by the book: every block of both devices looked up. */
export function naiveDifference(mappings: Mappings, left: number, right: number): Run[] {
  const [from, to] = [mappings.get(left)!, mappings.get(right)!];
  const runs: Run[] = [];
  for (const begin of [...new Set([...from.keys(), ...to.keys()])].sort((a, b) => a - b)) {
    const [before, after] = [from.get(begin), to.get(begin)];
    if (before === after) continue;
    const kind = after === undefined ? 'left' : before === undefined ? 'right' : 'differ';
    addRun(runs, { kind, begin, length: 1 });
  }
  return runs;
}

function formatPool(mappings: Mappings, blockSectors: number): string {
  const devices = [...mappings].map(([id, blocks]) => {
    const head = `<device dev_id="${id}" mapped_blocks="${blocks.size}" transaction="${id}"`;
    return `${head} creation_time="0" snap_time="${id}">\n${formatBlocks(blocks)}</device>\n`;
  });
  const sizes = `data_block_size="${blockSectors}" nr_data_blocks="${DATA_BLOCKS}"`;
  return `<superblock uuid="" time="1" transaction="2" flags="0" version="2" ${sizes}>\n${devices.join('')}</superblock>\n`;
}

function formatBlocks(blocks: ReadonlyMap<number, number>): string {
  const ranges: [number, number, number][] = [];
  for (const [block, data] of [...blocks].sort(([a], [b]) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[0] + last[2] === block && last[1] + last[2] === data) last[2] += 1;
    else ranges.push([block, data, 1]);
  }
  return ranges
    .map(([block, data, length]) =>
      length === 1
        ? `<single_mapping origin_block="${block}" data_block="${data}" time="0"/>\n`
        : `<range_mapping origin_begin="${block}" data_begin="${data}" length="${length}" time="0"/>\n`,
    )
    .join('');
}

function run(tool: string, ...args: string[]): string {
  const search = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const { error, status, stdout, stderr } = spawnSync(tool, args, {
    encoding: 'utf8',
    env: { ...process.env, PATH: search },
    maxBuffer: 2 ** 28,
  });
  if (error !== undefined && 'code' in error && error.code === 'ENOENT')
    throw new Error(`${tool} is missing: install the package thin-provisioning-tools`);
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${tool} ${args.join(' ')}: status ${String(status)}\n${stdout}${stderr}`);
  return stdout;
}

function inFolder<T>(act: (folder: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'lvstream-thin-'));
  try {
    return act(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
