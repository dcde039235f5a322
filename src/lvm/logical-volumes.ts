import { statSync } from 'node:fs';
import { safely } from '../device/kernel-files.js';
import { deviceNumber } from '../device/usage/subject.js';
import { complaintOf, runTool, type ToolResult } from '../device/run-tool.js';
import { LvmError, remedy, sentence } from '../errors.js';

/** A logical volume as `lvs` shows it (lvs(8), lvmreport(7)). Sizes are bytes. */
export interface LogicalVolume {
  readonly uuid: string;
  /** `VG/LV`, without the brackets that `lvs` puts around hidden ones. */
  readonly name: string;
  readonly vg: string;
  readonly vgUuid: string;
  readonly lv: string;
  /** Its nodes, there while it is active. */
  readonly path: string;
  readonly dmPath: string;
  /** `major:minor` while it is active. */
  readonly number: string | undefined;
  readonly size: number;
  /** `linear`, `thin`, `raid1`, … */
  readonly segmentType: string;
  /** What it is to others: `thicksnapshot`, `thickorigin`, `thinsnapshot`, … */
  readonly roles: readonly string[];
  /** A merge back into the origin is going on, or waits for the next activation. */
  readonly merging: boolean;
  /** A thick snapshot that overflowed or met an I/O error. */
  readonly invalid: boolean;
  /** Of any snapshot, unless its origin is gone. */
  readonly originUuid: string | undefined;
  readonly thin: ThinIdentity | undefined;
  /** Of a thin pool: the volume with its metadata. */
  readonly metadataUuid: string | undefined;
  /** Of a thin pool: LVM counts it up whenever it makes or removes one of the pool's volumes. */
  readonly transactionId: number | undefined;
  readonly tags: readonly string[];
  /** When it was made, in milliseconds since 1970. */
  readonly time: number | undefined;
}

/** Where a thin volume lives. */
export interface ThinIdentity {
  readonly poolUuid: string;
  readonly id: number;
}

const FIELDS = [
  ...['lv_uuid', 'lv_full_name', 'lv_name', 'vg_name', 'vg_uuid', 'lv_path', 'lv_dm_path', 'lv_kernel_major'],
  ...['lv_kernel_minor', 'lv_size', 'segtype', 'lv_role', 'lv_merging'],
  ...['lv_snapshot_invalid', 'origin_uuid', 'pool_lv_uuid', 'thin_id', 'metadata_lv_uuid'],
  ...['transaction_id', 'lv_tags', 'lv_time'],
] as const;

type Row = Readonly<Partial<Record<(typeof FIELDS)[number], string>>>;

/** What an lvm.conf may have set otherwise (lvm.conf(5)). */
const CONFIGURATION =
  'report { time_format="%s" binary_values_as_numeric=0 prefixes=0 list_item_separator="," } log { prefix="" }';

const ARGUMENTS = [
  ...['--all', '--reportformat', 'json', '--units', 'b', '--nosuffix', '--config', CONFIGURATION],
  ...['-o', FIELDS.join(',')],
];

/** What LVM says there is. */
export interface VolumeList {
  readonly volumes: readonly LogicalVolume[];
  /** What lvs could not read, if anything. */
  readonly complaint: string | undefined;
}

/**
 * All logical volumes of this host, hidden ones included, from one run of `lvs`. A volume group that can't be read
 * leaves a complaint. Throws `LvmError` if this is not root, `DeviceError` if lvs is missing.
 */
export function listVolumes(): VolumeList {
  if (process.geteuid?.() !== 0) {
    throw new LvmError('logical volumes can only be read by root', {
      hint: 'run it as root, such as with sudo',
    });
  }
  const result = runTool('lvs', ARGUMENTS, 'lvm2');
  return {
    volumes: parseReport(result),
    complaint: result.status === 0 ? undefined : `lvs: ${complaintOf(result)}`,
  };
}

function parseReport(result: ToolResult): LogicalVolume[] {
  try {
    return parseVolumes(result.stdout);
  } catch (cause) {
    throw new LvmError(`lvs gives no report: ${complaintOf(result)}`, { cause });
  }
}

/** Parses what `lvs --reportformat json` prints; the report of a volume of several segments has a row for each. */
function parseVolumes(json: string): LogicalVolume[] {
  const { report } = JSON.parse(json) as { report: readonly { lv: readonly Row[] }[] };
  const volumes = new Map<string, LogicalVolume>();
  for (const row of report.flatMap(({ lv }) => lv)) {
    const volume = parseVolume(row);
    if (!volumes.has(volume.uuid)) volumes.set(volume.uuid, volume);
  }
  return [...volumes.values()];
}

function parseVolume(row: Row): LogicalVolume {
  const text = (field: (typeof FIELDS)[number]) => row[field] ?? '';
  const list = (field: (typeof FIELDS)[number]) => text(field).split(',').filter(Boolean);
  const name = text('lv_full_name');
  return {
    uuid: text('lv_uuid'),
    name,
    vg: text('vg_name'),
    vgUuid: text('vg_uuid'),
    lv: name.slice(text('vg_name').length + 1),
    path: text('lv_path'),
    dmPath: text('lv_dm_path'),
    number: numberOf(text('lv_kernel_major'), text('lv_kernel_minor')),
    size: Number(text('lv_size')),
    segmentType: text('segtype'),
    roles: list('lv_role'),
    merging: text('lv_merging') === 'merging',
    invalid: text('lv_snapshot_invalid') === 'snapshot invalid',
    originUuid: text('origin_uuid') || undefined,
    thin: thinIdentity(text('pool_lv_uuid'), text('thin_id')),
    metadataUuid: text('metadata_lv_uuid') || undefined,
    transactionId: text('transaction_id') === '' ? undefined : Number(text('transaction_id')),
    tags: list('lv_tags'),
    time: timeOf(text('lv_time')),
  };
}

function numberOf(major: string, minor: string): string | undefined {
  return /^\d+$/.test(major) && /^\d+$/.test(minor) ? `${major}:${minor}` : undefined;
}

function thinIdentity(poolUuid: string, id: string): ThinIdentity | undefined {
  return poolUuid !== '' && /^\d+$/.test(id) ? { poolUuid, id: Number(id) } : undefined;
}

function timeOf(seconds: string): number | undefined {
  return /^\d+$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}

/**
 * The volume of that name: `VG/LV`, `/dev/VG/LV`, `/dev/mapper/…`, any other node of it, or its UUID.
 * Throws `LvmError` if there is none.
 */
export function findVolume({ volumes, complaint }: VolumeList, name: string): LogicalVolume {
  const found = volumes.find((volume) => goesBy(volume, name)) ?? volumeBehind({ volumes, complaint }, name);
  if (found !== undefined) return found;
  const why =
    numberBehind(name) === undefined ? 'there is no such logical volume' : 'it is no logical volume';
  const hint = sentence`lvs -a lists those that there are; of images see ${remedy('dump-images')}`;
  throw new LvmError(`${name}: ${why}${complaint === undefined ? '' : ` (${complaint})`}`, { hint });
}

function goesBy({ name: fullName, path, dmPath, uuid }: LogicalVolume, name: string): boolean {
  return [fullName, `/dev/${fullName}`, path, dmPath, uuid].some((known) => known !== '' && known === name);
}

/** The volume whose device that is, by whatever name; `undefined` if it is no active volume's. */
export function volumeBehind({ volumes }: VolumeList, path: string): LogicalVolume | undefined {
  const number = numberBehind(path);
  return number === undefined ? undefined : volumes.find((volume) => volume.number === number);
}

/** `major:minor` of the block device that the name stands for, if it stands for one. */
function numberBehind(name: string): string | undefined {
  const stats = safely(() => statSync(name, { bigint: true, throwIfNoEntry: false }));
  return stats?.isBlockDevice() === true ? deviceNumber(stats.rdev) : undefined;
}

/** The volume with that UUID; `undefined` if it is gone. */
export function volumeOf({ volumes }: VolumeList, uuid: string | undefined): LogicalVolume | undefined {
  return uuid === undefined ? undefined : volumes.find((volume) => volume.uuid === uuid);
}

/** The UUID that LVM gives the device-mapper device of a volume; `layer` is `cow`, `real`, `tpool` or the like. */
export function mappedUuid({ vgUuid, uuid }: LogicalVolume, layer?: string): string {
  const name = `LVM-${vgUuid}${uuid}`.replaceAll(/(?<=^LVM-.*)-/g, '');
  return layer === undefined ? name : `${name}-${layer}`;
}
