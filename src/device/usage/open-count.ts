import { readText } from '../kernel-files.js';
import { complaintOf, runTool } from '../run-tool.js';
import { deviceNumber, type Subject } from './subject.js';
import { errorCode } from '../../errors.js';

/**
 * How often a device of device-mapper is open, by whatever: processes, mounts, devices on top of it, the kernel, and
 * processes in containers (drivers/md/dm.c, `open_count`). `undefined` of anything else, or where there is no dmsetup;
 * what dmsetup complains of, where it can't say.
 */
export function readOpenCount(subject: Subject): number | string | undefined {
  const [major = '', minor = ''] = deviceNumber(subject.stats.rdev).split(':');
  if (!subject.isDevice || readText(`/sys/dev/block/${major}:${minor}/dm/name`) === undefined)
    return undefined;
  const output = askDmsetup(major, minor);
  return output === undefined || !/^\d+$/.test(output) ? output : Number(output);
}

function askDmsetup(major: string, minor: string): string | undefined {
  try {
    const columns = ['info', '-c', '--noheadings', '-o', 'open'];
    const result = runTool('dmsetup', [...columns, '--major', major, '--minor', minor], 'dmsetup');
    return result.status === 0 ? result.stdout.trim() : complaintOf(result);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
