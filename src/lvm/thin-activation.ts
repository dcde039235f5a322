import { complaintOf, runTool } from '../device/run-tool.js';
import { LvmError } from '../errors.js';
import { findMappedDevice, type LiveVolume, openLiveVolume } from './live-volume.js';
import type { LogicalVolume } from './logical-volumes.js';

/**
 * Opens a volume. One that is not active, as snapshots of thin volumes are by default, is active until it is closed.
 * Throws `LvmError` if it can't be activated; closing throws it if it can't be deactivated and nobody else uses it.
 */
export function openActivated(volume: LogicalVolume): LiveVolume {
  if (findMappedDevice(volume) !== undefined) return openLiveVolume(volume);
  try {
    activate(volume);
    const live = openLiveVolume(volume);
    return {
      ...live,
      close: () => {
        live.close();
        deactivate(volume);
      },
    };
  } catch (error) {
    deactivate(volume);
    throw error;
  }
}

/** A volume that is active, flushed and open; `undefined` of one that is not active, to which nobody writes. */
export function openIfActive(volume: LogicalVolume): LiveVolume | undefined {
  return findMappedDevice(volume) === undefined ? undefined : openLiveVolume(volume);
}

/** lvmthin(7): snapshots carry a flag that keeps them from being activated unless it is ignored. */
function activate({ name }: LogicalVolume): void {
  const result = runTool('lvchange', ['--quiet', '--activate', 'y', '--ignoreactivationskip', name], 'lvm2');
  if (result.status === 0) return;
  throw new LvmError(`${name}: it is not active, and cannot be activated: lvchange: ${complaintOf(result)}`);
}

function deactivate(volume: LogicalVolume): void {
  if (findMappedDevice(volume) === undefined) return;
  const { name } = volume;
  const result = runTool('lvchange', ['--quiet', '--activate', 'n', name], 'lvm2');
  if (result.status === 0 || isInUse(volume)) return;
  throw new LvmError(
    `${name}: it was activated, and cannot be deactivated: lvchange: ${complaintOf(result)}`,
    {
      hint: `lvchange -an ${name}`,
    },
  );
}

/** Whoever has opened it since needs it. */
function isInUse(volume: LogicalVolume): boolean {
  return (findMappedDevice(volume)?.openCount ?? 0) > 0;
}
