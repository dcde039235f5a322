import { complaintOf, runTool } from '../device/run-tool.js';
import { LvmError } from '../errors.js';
import { type ActivationNote, inTurn, openActivationNote } from './activation-note.js';
import { findMappedDevice, type LiveVolume, openLiveVolume } from './live-volume.js';
import type { LogicalVolume } from './logical-volumes.js';
import type { Closable } from './opened.js';

/**
 * Opens a volume. One that is not active, as snapshots of thin volumes are by default, is active until the last lvstream
 * that has it open closes it; so is one that was left active by an lvstream that was killed. What anybody else has
 * activated stays active.
 *
 * Throws `LvmError` if it can't be activated; closing throws it if it can't be deactivated and nobody else uses it.
 */
export function openActivated(volume: LogicalVolume): LiveVolume {
  return openHeld(
    volume,
    inTurn(() => holdActive(volume)),
  );
}

/** A volume that is active, flushed and open; `undefined` of one that is not active, to which nobody writes. */
export function openIfActive(volume: LogicalVolume): LiveVolume | undefined {
  const hold = inTurn(() => (findMappedDevice(volume) === undefined ? undefined : holdActive(volume)));
  return hold && openHeld(volume, hold);
}

function openHeld(volume: LogicalVolume, hold: Closable): LiveVolume {
  try {
    const live = openLiveVolume(volume);
    return {
      ...live,
      close: () => {
        live.close();
        hold.close();
      },
    };
  } catch (error) {
    hold.close();
    throw error;
  }
}

/** Activates the volume if it is not active. What it gives is to be closed where the volume needn't be active any more. */
function holdActive(volume: LogicalVolume): Closable {
  const note = openActivationNote(volume.uuid);
  try {
    const mapped = findMappedDevice(volume);
    if (mapped === undefined) activateNoted(volume, note);
    const isOurs = mapped === undefined || note.isAbout(mapped);
    return { close: () => inTurn(() => letGo(volume, note, isOurs)) };
  } catch (error) {
    letGo(volume, note, true);
    throw error;
  }
}

function activateNoted(volume: LogicalVolume, note: ActivationNote): void {
  note.write();
  activate(volume);
  note.write(findMappedDevice(volume));
}

/** The note stays while another lvstream needs it, or anybody else the volume. */
function letGo(volume: LogicalVolume, note: ActivationNote, isOurs: boolean): void {
  try {
    if (!note.isLast()) return;
    if (isOurs && !deactivate(volume)) return;
    note.remove();
  } finally {
    note.close();
  }
}

/** lvmthin(7): snapshots carry a flag that keeps them from being activated unless it is ignored. */
function activate({ name }: LogicalVolume): void {
  const result = runTool('lvchange', ['--quiet', '--activate', 'y', '--ignoreactivationskip', name], 'lvm2');
  if (result.status === 0) return;
  throw new LvmError(`${name}: it is not active, and cannot be activated: lvchange: ${complaintOf(result)}`);
}

/** False if somebody who has opened it needs it. */
function deactivate(volume: LogicalVolume): boolean {
  if (findMappedDevice(volume) === undefined) return true;
  const { name } = volume;
  const result = runTool('lvchange', ['--quiet', '--activate', 'n', name], 'lvm2');
  if (result.status === 0) return true;
  if (isInUse(volume)) return false;
  throw new LvmError(
    `${name}: it was activated, and cannot be deactivated: lvchange: ${complaintOf(result)}`,
    { hint: `lvchange -an ${name}` },
  );
}

function isInUse(volume: LogicalVolume): boolean {
  return (findMappedDevice(volume)?.openCount ?? 0) > 0;
}
