import { statSync } from 'node:fs';
import { readRangesAhead } from '../device/read-ranges-ahead.js';
import { readText } from '../device/kernel-files.js';
import { deviceNumber } from '../device/usage/subject.js';
import { RefusedError, remedy, sentence, type Sentence } from '../errors.js';
import type { ChangeMap } from '../files/read-map.js';
import { endsOf } from '../format/lvs/maps/ends.js';
import type { State } from '../format/lvs/maps/state.js';
import type { OpenChanges } from '../changes/changes.js';
import { openLiveDevice } from './live-volume.js';
import { isQuiet, remarksOn } from './single-moment.js';

/**
 * The changes that a map lists, with their data read from a device or image. They are a single moment only if the map names
 * the state that it ends at, and so the device to read: otherwise what was written since the map was made is there
 * in part. Throws `RefusedError` if the device is smaller than what the map was made of, and what opening it throws.
 */
export function openMapChanges({ header, closing, ranges }: ChangeMap, path: string): OpenChanges {
  const source = openLiveDevice(path);
  const { reader } = source;
  const { base, result: named } = endsOf(header, closing);
  const result = named !== undefined && isOther(path, named) ? undefined : named;
  const size = header.resultSize ?? reader.size;
  if (Math.max(size, closing.high) > reader.size) {
    source.close();
    throw new RefusedError(`${path}: has ${reader.size} bytes, and the map is of a device of ${size}`, {
      hint: 'name the volume that the map was made of, or one that holds the same',
    });
  }
  const remarks = result === undefined ? [noMoment(path)] : remarksOn(source);
  return {
    base,
    result,
    exhaustive: header.exhaustive === true,
    baseSize: header.baseSize,
    resultSize: size,
    chunkSize: header.chunkSize,
    origin: { ...header.origin, path },
    ranges: () => ranges,
    batches: () => readRangesAhead(ranges, reader),
    remarks,
    conclude: () => ({ consistent: isQuiet(source, remarks) && result !== undefined }),
    close: () => {
      source.close();
    },
  };
}

/** Whether a device is a logical volume, and not the one that the state's id names. */
function isOther(path: string, { id }: State): boolean {
  const number = statSync(path, { bigint: true }).rdev;
  const uuid = readText(`/sys/dev/block/${deviceNumber(number)}/dm/uuid`);
  return uuid !== undefined && id.startsWith('lv:') && !uuid.endsWith(id.slice(3).replaceAll('-', ''));
}

function noMoment(path: string): Sentence {
  return sentence`the map does not end at what ${path} holds: what was written since is in the stream in part; for a single moment read ${remedy('snapshot-of-map')}`;
}
