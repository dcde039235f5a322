import { mergeRanges } from '#src/ranges/merge-ranges.js';
import type { Range } from '#src/ranges/range.js';
import { parseDelta } from '../lvm/thin/thin-tools.js';
import { run } from './run.js';
import { mapperDevice, statusOf, volumeNamed, type Volume } from './volumes.js';

/** What cases ask of thin pools, by the programs of others. */

export const poolDevice = (pool: Volume): string => mapperDevice(pool, 'tpool');

export const reserve = (pool: Volume): string =>
  run('dmsetup', ['message', poolDevice(pool), '0', 'reserve_metadata_snap']);

export const release = (pool: Volume): string =>
  run('dmsetup', ['message', poolDevice(pool), '0', 'release_metadata_snap']);

/** The block of the metadata snapshot, or `-`. */
export const heldRoot = (pool: Volume): string => statusOf(poolDevice(pool)).split(' ')[3]!;

export const fieldOf = ({ name }: Volume, field: string): string =>
  run('lvs', ['--noheadings', '--options', field, name]).trim();

export const thinId = (volume: Volume): number => Number(fieldOf(volume, 'thin_id'));

/** Where two volumes of a pool differ, says thin_delta: in bytes, up to the end of a volume of that size. */
export function deltaOf(pool: Volume, from: Volume, to: Volume, size: number): Range[] {
  const chunkSize = Number(
    run('lvs', ['--noheadings', '--nosuffix', '--units', 'b', '-o', 'chunk_size', pool.name]),
  );
  const metadata = mapperDevice(volumeNamed(pool.vg, `${pool.lv}_tmeta`));
  const ids = ['--snap1', String(thinId(from)), '--snap2', String(thinId(to))];
  reserve(pool);
  const runs = parseDelta(run('thin_delta', ['--metadata-snap', ...ids, metadata]));
  release(pool);
  const ranges = runs.map(({ begin, length }) => ({
    offset: begin * chunkSize,
    length: Math.min(length * chunkSize, size - begin * chunkSize),
  }));
  return [...mergeRanges(ranges.filter(({ length }) => length > 0))];
}

/** Names of the devices of device-mapper. */
export const activeDevices = (): string[] =>
  run('dmsetup', ['info', '--columns', '--noheadings', '--options', 'name'])
    .split('\n')
    .filter((line) => line !== '')
    .sort();
