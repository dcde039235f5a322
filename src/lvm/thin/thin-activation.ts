import { complaintOf, runTool, type ToolResult } from '../../device/run-tool.js';
import { LvmError } from '../../errors.js';
import { type ActivationNote, inTurn, isNoted, openActivationNote } from './activation-note.js';
import { findMappedDevice, type LiveVolume, openLiveVolume } from '../live-volume.js';
import type { LogicalVolume } from '../logical-volumes.js';
import type { Closable } from '../opened.js';

/** For the lvchange of another lvstream, which may wait for others; and when a signal is to end this one. */
const PATIENCE_MS = 60_000;
const CLOSING_PATIENCE_MS = 10_000;

/** A volume that is open, and active for as long as it is. */
export interface ActivatedVolume extends LiveVolume {
  /** What the user should know of how it was found. */
  readonly remark: string | undefined;
}

/**
 * Opens a volume. One that is not active, as snapshots of thin volumes are by default, is active until the last lvstream
 * that has it open closes it; so is one that was left active by an lvstream that was killed. What anybody else has
 * activated stays active.
 *
 * Throws `LvmError` if it can't be activated; closing throws it if it can't be deactivated and nobody else uses it.
 */
export function openActivated(volume: LogicalVolume): ActivatedVolume {
  const hold = holdOfOthers(volume) ?? inTurn(volume.uuid, PATIENCE_MS, (turn) => holdActive(volume, turn));
  return openHeld(volume, hold);
}

/** A volume that is active, flushed and open; `undefined` of one that is not active, to which nobody writes. */
export function openIfActive(volume: LogicalVolume): ActivatedVolume | undefined {
  if (findMappedDevice(volume) === undefined) return undefined;
  return openActivated(volume);
}

/** What has a volume active until it is closed. */
interface Hold extends Closable {
  /** It was active, and no lvstream that lives had it so. */
  readonly isLeftBehind: boolean;
}

function openHeld(volume: LogicalVolume, hold: Hold): ActivatedVolume {
  try {
    const live = openLiveVolume(volume);
    const remark = hold.isLeftBehind
      ? `${volume.name}: an lvstream that was killed had left it active; it is deactivated when it has been read`
      : undefined;
    return { ...live, remark, close: () => closeBoth(live, hold) };
  } catch (error) {
    hold.close();
    throw error;
  }
}

function closeBoth(live: Closable, hold: Closable): void {
  try {
    live.close();
  } finally {
    hold.close();
  }
}

/** Without a note it was not lvstream who activated what is active: it stays so. */
function holdOfOthers(volume: LogicalVolume): Hold | undefined {
  if (isNoted(volume.uuid) || findMappedDevice(volume) === undefined) return undefined;
  return { isLeftBehind: false, close: () => undefined };
}

/** Activates the volume if it is not active. What it gives is to be closed where the volume needn't be active any more. */
function holdActive(volume: LogicalVolume, turn: number): Hold {
  const note = openActivationNote(volume.uuid);
  try {
    const mapped = findMappedDevice(volume);
    if (mapped === undefined) activateNoted(volume, note, turn);
    const isOurs = mapped === undefined || note.isAbout(mapped);
    return {
      isLeftBehind: mapped !== undefined && isOurs && note.isAlone(),
      close: () => letGoInTurn(volume, note, isOurs),
    };
  } catch (error) {
    try {
      letGo(volume, note, true, turn);
    } finally {
      note.close();
    }
    throw error;
  }
}

function activateNoted(volume: LogicalVolume, note: ActivationNote, turn: number): void {
  note.write();
  activate(volume, turn);
  note.write(findMappedDevice(volume));
}

function letGoInTurn(volume: LogicalVolume, note: ActivationNote, isOurs: boolean): void {
  try {
    inTurn(volume.uuid, CLOSING_PATIENCE_MS, (turn) => {
      letGo(volume, note, isOurs, turn);
    });
  } finally {
    note.close();
  }
}

/** The note stays while another lvstream needs it, or anybody else the volume. */
function letGo(volume: LogicalVolume, note: ActivationNote, isOurs: boolean, turn: number): void {
  if (!note.isAlone()) return;
  if (isOurs && !deactivate(volume, turn)) return;
  note.remove();
}

/** lvmthin(7): snapshots carry a flag that keeps them from being activated unless it is ignored. */
function activate(volume: LogicalVolume, turn: number): void {
  const result = change(volume, ['--activate', 'y', '--ignoreactivationskip'], turn);
  if (result.status === 0) return;
  throw new LvmError(
    `${volume.name}: it is not active, and can't be activated: lvchange: ${complaintOf(result)}`,
  );
}

/** False if somebody who has opened it needs it. */
function deactivate(volume: LogicalVolume, turn: number): boolean {
  if (findMappedDevice(volume) === undefined) return true;
  const result = change(volume, ['--activate', 'n'], turn);
  const mapped = findMappedDevice(volume);
  if (mapped === undefined) return true;
  if (mapped.openCount > 0) return false;
  const { name } = volume;
  throw new LvmError(
    `${name}: it was activated, and can't be deactivated: lvchange: ${complaintOf(result)}`,
    { hint: `lvchange -an ${name}` },
  );
}

/** By its UUID: another volume may have its name by now. Whatever becomes of this process, lvchange keeps the turn. */
function change({ uuid, vg }: LogicalVolume, how: readonly string[], turn: number): ToolResult {
  return runTool('lvchange', ['--quiet', ...how, '--select', `lv_uuid=${uuid}`, vg], 'lvm2', [turn]);
}
