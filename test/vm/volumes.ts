import { run } from './run.js';

/** Logical volumes for cases. Sizes are bytes. LVM rounds up to extents, which are of 1 MiB here. */

/** A logical volume, active. */
export interface Volume {
  readonly vg: string;
  readonly lv: string;
  /** `VG/LV`, as LVM's commands take it. */
  readonly name: string;
  /** `/dev/VG/LV` */
  readonly device: string;
}

export interface VolumeGroup {
  readonly vg: string;
}

const EXTENT_SIZE = '1m';
const bytes = (size: number): string => `${size}b`;

export const volumeNamed = (vg: string, lv: string): Volume => ({
  vg,
  lv,
  name: `${vg}/${lv}`,
  device: `/dev/${vg}/${lv}`,
});

/**
 * The device-mapper device of a volume, or with `layer` one below it: `cow` and `real` of thick snapshots and origins,
 * `tpool` of a pool. Parts that LVM shows as volumes have names of their own (`volumeNamed(vg, 'pool_tmeta')`).
 */
export function mapperDevice({ vg, lv }: Volume, layer?: string): string {
  const escaped = [vg, lv].map((name) => name.replaceAll('-', '--')).join('-');
  return `/dev/mapper/${escaped}${layer === undefined ? '' : `-${layer}`}`;
}

export function makeVolumeGroup(vg: string, onDisks: readonly string[]): VolumeGroup {
  run('vgcreate', ['--quiet', '--physicalextentsize', EXTENT_SIZE, vg, ...onDisks]);
  return { vg };
}

/** A plain volume; `more` are options of lvcreate, such as `['--type', 'raid1']`. */
export function makeVolume(
  { vg }: VolumeGroup,
  lv: string,
  size: number,
  more: readonly string[] = [],
): Volume {
  createVolume(['--name', lv, '--size', bytes(size), ...more, vg]);
  return volumeNamed(vg, lv);
}

export interface ThickSnapshotOptions {
  /** What the exception store may take. */
  readonly size: number;
  /** 4 KiB to 512 KiB. */
  readonly chunkSize: number;
}

export function makeThickSnapshot(
  origin: Volume,
  lv: string,
  { size, chunkSize }: ThickSnapshotOptions,
): Volume {
  const sizes = ['--size', bytes(size), '--chunksize', bytes(chunkSize)];
  createVolume(['--snapshot', '--name', lv, ...sizes, origin.name]);
  return volumeNamed(origin.vg, lv);
}

export interface ThinPoolOptions {
  readonly size: number;
  /** 64 KiB to 1 GiB. */
  readonly chunkSize: number;
  /** 4 MiB unless said. */
  readonly metadataSize?: number;
}

export function makeThinPool(
  { vg }: VolumeGroup,
  lv: string,
  { size, chunkSize, metadataSize = 4 * 2 ** 20 }: ThinPoolOptions,
): Volume {
  const sizes = [
    '--size',
    bytes(size),
    '--chunksize',
    bytes(chunkSize),
    '--poolmetadatasize',
    bytes(metadataSize),
  ];
  createVolume(['--type', 'thin-pool', '--name', lv, ...sizes, '--poolmetadataspare', 'n', vg]);
  return volumeNamed(vg, lv);
}

export function makeThinVolume(pool: Volume, lv: string, size: number): Volume {
  createVolume(['--thin', '--name', lv, '--virtualsize', bytes(size), pool.name]);
  return volumeNamed(pool.vg, lv);
}

export interface ThinSnapshotOptions {
  /** LVM's default is no, and to skip its activation. Here it is yes. */
  readonly active?: boolean;
}

export function makeThinSnapshot(
  origin: Volume,
  lv: string,
  { active = true }: ThinSnapshotOptions = {},
): Volume {
  const activation = active ? ['--setactivationskip', 'n', '--activate', 'y'] : [];
  createVolume(['--snapshot', '--name', lv, ...activation, origin.name]);
  return volumeNamed(origin.vg, lv);
}

const createVolume = (args: readonly string[]): unknown => run('lvcreate', ['--quiet', '--yes', ...args]);

/** What `dmsetup status` says of a device, behind its target's name. */
export function statusOf(device: string): string {
  const [, , , ...rest] = run('dmsetup', ['status', device]).trim().split(' ');
  return rest.join(' ');
}
