import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';

/** Data blocks of 64 KiB. */
const BLOCK_SECTORS = 128;
const METADATA_SIZE = 2 ** 28;
const MAPPINGS = 1_000_000;
const CHANGED = 1_000;
const PART = 10_000;

/**
 * The metadata of a pool with a volume, 1, and a snapshot of it, 2, of a million mappings each, of which a thousand
 * differ. Made by thin_restore, which shares nothing between the two. False if it can't be.
 */
export function makePool(path) {
  const xml = `${path}.xml`;
  writePool(xml);
  closeSync(truncated(path, METADATA_SIZE));
  const args = ['-i', xml, '-o', path];
  const made = spawnSync('thin_restore', args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
  rmSync(xml);
  return made;
}

/** A file of nothing, as large as the volume: the data is not looked at. */
export function makeSparseVolume(path) {
  closeSync(truncated(path, MAPPINGS * BLOCK_SECTORS * 512));
}

function truncated(path, size) {
  const fd = openSync(path, 'wx');
  ftruncateSync(fd, size);
  return fd;
}

/** Every block has neighbours elsewhere, so that each mapping is one of its own. */
function writePool(path) {
  const fd = openSync(path, 'wx');
  const blocks = 2 * MAPPINGS + CHANGED;
  writeSync(
    fd,
    `<superblock uuid="" time="1" transaction="2" data_block_size="${BLOCK_SECTORS}" nr_data_blocks="${blocks}">\n`,
  );
  for (const [id, changedAt] of [
    [1, 2 * MAPPINGS],
    [2, undefined],
  ]) {
    writeSync(
      fd,
      `<device dev_id="${id}" mapped_blocks="${MAPPINGS}" transaction="${id - 1}" creation_time="${id - 1}" snap_time="1">\n`,
    );
    for (let first = 0; first < MAPPINGS; first += PART) writeSync(fd, mappings(first, changedAt));
    writeSync(fd, '</device>\n');
  }
  writeSync(fd, '</superblock>\n');
  closeSync(fd);
}

function mappings(first, changedAt) {
  const every = MAPPINGS / CHANGED;
  const lines = Array.from({ length: PART }, (_, index) => {
    const block = first + index;
    const changed = changedAt !== undefined && block % every === 0;
    const data = changed ? changedAt + block / every : 2 * block;
    return `<single_mapping origin_block="${block}" data_block="${data}" time="${changed ? 1 : 0}"/>`;
  });
  return `${lines.join('\n')}\n`;
}
