import { createCodec } from '../../../codec/codec.js';
import { UsageError } from '../../../errors.js';
import type { OpenChanges } from '../../../changes/changes.js';
import { openMapChanges } from '../../../lvm/map-changes.js';
import { withOpen } from '../../with-open.js';
import { readMapFrom } from '../merge.js';

/** The changes that a map lists, read from a device. Throws `UsageError`, and what reading and opening throw. */
export async function openMap(map: string, dataSource: string | undefined): Promise<OpenChanges> {
  if (dataSource === undefined) {
    throw new UsageError('--data-source is missing', { hint: 'name the volume to read the data from' });
  }
  const listed = await withOpen((keep) => readMapFrom(map, keep(createCodec({ level: 0 }))));
  return openMapChanges(listed, dataSource);
}
