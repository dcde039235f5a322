import { createCodec } from '../codec/codec.js';
import { readRangesAhead } from '../device/read-ranges-ahead.js';
import { UsageError } from '../errors.js';
import type { OpenChanges } from '../lvm/changes.js';
import { openLiveDevice } from '../lvm/live-volume.js';
import { mapChanges } from '../lvm/map-changes.js';
import { readMapFrom } from './merge.js';

/** The changes that a map lists, read from a device. Throws `UsageError`, and what reading and opening throw. */
export async function openMap(map: string, dataSource: string | undefined): Promise<OpenChanges> {
  if (dataSource === undefined) {
    throw new UsageError('--data-source is missing', { hint: 'name the volume to read the data from' });
  }
  const codec = createCodec({ level: 0 });
  const listed = await readMapFrom(map, codec).finally(() => codec.close());
  const source = openLiveDevice(dataSource);
  const { name, reader, writer } = source;
  const remarks = writer === undefined ? [] : [`${name} ${writer}: what is read of it is no single moment`];
  try {
    return {
      ...mapChanges(listed, reader, (ranges) => readRangesAhead(ranges, reader)),
      remarks,
      settle: () => ({ consistent: writer === undefined && !source.wasWritten() }),
      close: () => {
        source.close();
      },
    };
  } catch (error) {
    source.close();
    throw error;
  }
}
