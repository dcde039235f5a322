import { LvmError, remedy, sentence } from '../../errors.js';
import type { NamedVolume } from '../live-options.js';
import { type LogicalVolume, type VolumeList, volumeOf } from '../logical-volumes.js';
import { unusable } from './snapshot-status.js';

/** A thick snapshot and what it was taken of. */
export interface ThickPair {
  readonly snapshot: LogicalVolume;
  readonly origin: LogicalVolume;
}

const ROLE = 'thicksnapshot';

/**
 * The snapshot with its origin, if it is a thick one whose table can be trusted. Throws `LvmError` if it is none, its
 * origin is gone, or it overflowed.
 */
export function requireThickSnapshot({ volumes, volume }: NamedVolume): ThickPair {
  if (!volume.roles.includes(ROLE)) throw noSnapshot(volumes, volume);
  const origin = volumeOf(volumes, volume.originUuid);
  if (origin === undefined) {
    throw new LvmError(`${volume.name}: its origin is gone`, {
      hint: sentence`what it holds can be dumped with ${remedy('full')}`,
    });
  }
  if (volume.invalid) throw unusable(volume.name, 'Invalid');
  return { snapshot: volume, origin };
}

function noSnapshot({ volumes }: VolumeList, volume: LogicalVolume): LvmError {
  const own = volumes.filter(({ originUuid }) => originUuid === volume.uuid).map(({ name }) => name);
  const hint =
    own.length > 0
      ? `its snapshots are ${own.join(', ')}`
      : sentence`lvcreate --snapshot makes one, and records changes from then on; ${remedy('full')} dumps all that it holds`;
  return new LvmError(`${volume.name}: it is not a snapshot`, { hint });
}
