import { DeviceError } from '../errors.js';
import { complaintOf, runTool, type ToolResult } from './run-tool.js';

/** A device of device-mapper, as `dmsetup info` shows it. */
export interface MappedDevice {
  readonly name: string;
  /** Of LVM: `LVM-`, the volume group's and the volume's UUIDs without dashes, and `-cow`, `-real`, `-tpool`, … */
  readonly uuid: string;
  readonly path: string;
  /** `major:minor` */
  readonly number: string;
  /** How many have it open, the kernel's own devices on top of it included (drivers/md/dm.c, `open_count`). */
  readonly openCount: number;
  readonly suspended: boolean;
  readonly readOnly: boolean;
}

/** One target of a device: what `dmsetup status` says behind its range. */
export interface TableTarget {
  /** `snapshot`, `thin`, `thin-pool`, … */
  readonly type: string;
  /** In sectors of 512 bytes. */
  readonly start: number;
  readonly length: number;
  readonly words: readonly string[];
}

const COLUMNS = 'major,minor,open,attr,name,uuid';

/** All devices of device-mapper. Throws `DeviceError` if dmsetup is missing or fails. */
export function listMappedDevices(): MappedDevice[] {
  const args = ['info', '--columns', '--noheadings', '--separator', '/', '-o', COLUMNS];
  return lines(dmsetup(args))
    .filter((line) => line !== 'No devices found')
    .map(parseDevice);
}

/** Attributes are those of dmsetup(8): (L)ive, (I)nactive, (s)uspended, (r)ead-only or read-(w)rite. */
function parseDevice(line: string): MappedDevice {
  const [major = '', minor = '', open = '', attributes = '', name = '', ...uuid] = line.trim().split('/');
  return {
    name,
    uuid: uuid.join('/'),
    path: `/dev/mapper/${name}`,
    number: `${major}:${minor}`,
    openCount: Number(open),
    suspended: attributes.includes('s'),
    readOnly: attributes.endsWith('r'),
  };
}

/** The state of a device's targets. `--noflush` keeps a thin pool from committing, and the call from hanging in one that fails. */
export function statusOf(name: string): TableTarget[] {
  return lines(dmsetup(['status', '--noflush', name])).map(parseTarget);
}

/** Sends a target a message. Throws `DeviceError` with what dmsetup complains of. */
export function sendMessage(name: string, message: string): void {
  dmsetup(['message', name, '0', message]);
}

function parseTarget(line: string): TableTarget {
  const [start = '', length = '', type = '', ...words] = line.trim().split(/\s+/);
  return { start: Number(start), length: Number(length), type, words };
}

function dmsetup(args: readonly string[]): string {
  const result = runTool('dmsetup', args, 'dmsetup');
  if (result.status === 0) return result.stdout;
  throw failed(args, result);
}

function failed(args: readonly string[], result: ToolResult): DeviceError {
  const hint = process.geteuid?.() === 0 ? undefined : 'device-mapper needs root';
  return new DeviceError(`dmsetup ${args.join(' ')}: ${complaintOf(result)}`, { hint });
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}
