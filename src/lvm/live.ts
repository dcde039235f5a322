import { LvmError, UsageError } from '../errors.js';
import type { OpenChanges } from '../changes/changes.js';
import type { LiveOptions } from './live-options.js';
import { findVolume, listVolumes, type LogicalVolume, type VolumeList, volumeOf } from './logical-volumes.js';

/**
 * Opens the changes of a logical volume by any name that LVM knows it by. The caller closes them, whatever happens.
 * Throws `LvmError`, `DeviceError` and `RefusedError`, each with a way out, and `UsageError` of options that exclude each other.
 */
export async function openLiveChanges(name: string, options: LiveOptions): Promise<OpenChanges> {
  refuseSeveral(options);
  const volumes = listVolumes();
  const volume = findVolume(volumes, name);
  refusePool(volume);
  refuseMerging(volumes, volume);
  if (options.to !== undefined) refuseMerging(volumes, findVolume(volumes, options.to));
  if (volume.thin === undefined) {
    const { openThickChanges } = await import('./thick/thick-live.js');
    return openThickChanges({ volumes, volume }, options);
  }
  const { openThinChanges } = await import('./thin/thin-live.js');
  return openThinChanges({ volumes, volume }, options);
}

function refuseSeveral({ to, undo, full, dataSource, temporarySnapshot }: LiveOptions): void {
  const given = [to, undo || undefined, full || undefined, dataSource, temporarySnapshot];
  if (given.filter((each) => each !== undefined).length > 1)
    throw new UsageError('a second snapshot, the reverse, all of it and another source exclude each other');
}

function refusePool({ name, segmentType }: LogicalVolume): void {
  if (segmentType !== 'thin-pool') return;
  throw new LvmError(`${name}: it is a thin pool`, {
    hint: 'name one of its snapshots: lvs -o name,pool_lv,origin',
  });
}

/**
 * What a merge has not copied back yet is in the origin's view already, and in no other snapshot's table. One that is put
 * off begins as soon as the origin is activated.
 */
function refuseMerging(volumes: VolumeList, volume: LogicalVolume): void {
  const origin = volumeOf(volumes, volume.originUuid);
  const merged = volumes.volumes.find(
    ({ merging, originUuid }) =>
      merging && (originUuid === volume.uuid || originUuid === origin?.uuid) && originUuid !== undefined,
  );
  if (merged === undefined) return;
  const into = volumeOf(volumes, merged.originUuid)!;
  const what =
    merged === volume ? 'it is being merged into its origin' : `a snapshot is being merged into ${into.name}`;
  const hint = `wait for the end of it (lvs -a ${into.vg}); one that is put off begins when ${into.name} is activated`;
  throw new LvmError(`${volume.name}: ${what}`, { hint });
}
