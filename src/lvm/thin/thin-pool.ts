import { type MappedDevice, statusOf } from '../../device/device-mapper.js';
import { LvmError } from '../../errors.js';
import { findMappedDevice, mappedDeviceOf } from '../live-volume.js';
import { type LogicalVolume, type VolumeList, volumeOf } from '../logical-volumes.js';

/** An active thin pool. */
export interface ThinPool {
  readonly volume: LogicalVolume;
  /** What takes messages: the `-tpool` device, which is there whenever one of the pool's volumes is active. */
  readonly mapped: MappedDevice;
  /** The `_tmeta` device, which the kernel keeps open. */
  readonly metadata: MappedDevice;
}

/** The pool with that UUID. Throws `LvmError` if it is gone, not active or suspended. */
export function findThinPool(volumes: VolumeList, uuid: string): ThinPool {
  const volume = volumeOf(volumes, uuid);
  const metadata = volumeOf(volumes, volume?.metadataUuid);
  if (volume === undefined || metadata === undefined)
    throw new LvmError(`the thin pool with the UUID ${uuid} is gone`, { hint: 'see: lvs -a -o +lv_uuid' });
  return {
    volume,
    mapped: mappedDeviceOf(volume, 'tpool'),
    metadata: mappedDeviceOf(metadata, 'tmeta'),
  };
}

/**
 * Throws what {@link findThinPool} and {@link readPoolStatus} do, but for a pool that is not active. To be asked before
 * any of its volumes is touched: flushing a volume of a suspended pool takes as long as it is suspended.
 */
export function checkThinPool(volumes: VolumeList, uuid: string): void {
  const volume = volumeOf(volumes, uuid);
  if (volume === undefined || findMappedDevice(volume, 'tpool') === undefined) return;
  readPoolStatus(findThinPool(volumes, uuid));
}

/** What a pool that works says of itself. */
export interface PoolStatus {
  readonly transactionId: number;
  /** The metadata block of the metadata snapshot, if one is reserved. */
  readonly heldRoot: number | undefined;
}

/**
 * The pool's status. One without free space will do. Throws `LvmError` if it has failed, if its metadata is read-only or
 * needs a check: then no metadata snapshot can be reserved.
 */
export function readPoolStatus({ volume, mapped }: ThinPool): PoolStatus {
  const [target] = statusOf(mapped.name);
  if (target?.type !== 'thin-pool')
    throw new LvmError(`${volume.name}: ${mapped.name} is no thin pool any more`);
  return parsePoolStatus(volume.name, target.words);
}

const REPAIR = (name: string) =>
  `deactivate its volumes, then repair it with: lvconvert --repair ${name} (lvmthin(7))`;

/**
 * Parses the words behind `thin-pool` (Documentation/admin-guide/device-mapper/thin-provisioning.rst): transaction id,
 * used/total metadata blocks, used/total data blocks, held root or `-`, `rw` `ro` or `out_of_data_space`, options,
 * `needs_check` or `-`, …; or only `Fail` or `Error`. Throws as {@link readPoolStatus} does.
 */
export function parsePoolStatus(name: string, words: readonly string[]): PoolStatus {
  const [transactionId = '', metadata = '', , heldRoot = '', mode = ''] = words;
  if (!/^\d+$/.test(transactionId))
    throw new LvmError(`${name}: the pool has failed (${words.join(' ')})`, { hint: REPAIR(name) });
  if (words.includes('needs_check'))
    throw new LvmError(`${name}: the pool's metadata needs a check`, { hint: REPAIR(name) });
  if (mode === 'ro')
    throw new LvmError(`${name}: the pool's metadata is read-only (${metadata} blocks of it are used)`, {
      hint: `if it is full: lvextend --poolmetadatasize +SIZE ${name}; otherwise ${REPAIR(name)}`,
    });
  return {
    transactionId: Number(transactionId),
    heldRoot: /^\d+$/.test(heldRoot) ? Number(heldRoot) : undefined,
  };
}
