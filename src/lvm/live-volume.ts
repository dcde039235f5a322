import type { RangeReader } from '../algebra/random-access.js';
import { type DirectReader, openDirect } from '../device/direct.js';
import { listMappedDevices, type MappedDevice } from '../device/device-mapper.js';
import { flushDevice } from '../device/flush.js';
import { findWriter } from '../device/open-for-writing.js';
import { pause } from '../device/pause.js';
import { writesTo } from '../device/usage/write-counter.js';
import { LvmError } from '../errors.js';
import type { State } from '../format/lvs/maps/state.js';
import { type LogicalVolume, mappedUuid } from './logical-volumes.js';
import type { Closable } from './opened.js';

/** How long a device may be suspended before it counts. */
const SUSPENDED_MS = 3000;
const SUSPENDED_STEP_MS = 100;

/** A device or image of which is known who else writes to it. */
export interface WatchedDevice {
  /** What to call it in a message. */
  readonly name: string;
  /** What had it open for writing when the watch began, as the end of a sentence that begins with its name. */
  readonly writer: string | undefined;
  /** Something was written to it since it was activated, or nobody knows. */
  readonly wasEverWritten: boolean;
  /** Whether anything was written to it since; where the kernel doesn't count, whether it is open for writing now. */
  wasWritten(): boolean;
}

/** A device that is read while others may use it. The caller closes it. */
export interface LiveDevice extends WatchedDevice, Closable {
  /** Reads past every cache. */
  readonly reader: DirectReader;
}

/** An active volume that is read. */
export interface LiveVolume extends LiveDevice {
  readonly volume: LogicalVolume;
  readonly mapped: MappedDevice;
}

/**
 * Opens the device of an active volume as {@link openLiveDevice} does. Throws `LvmError` if it is not active or
 * suspended, and what opening a device throws.
 */
export function openLiveVolume(volume: LogicalVolume): LiveVolume {
  const mapped = mappedDeviceOf(volume);
  const live = { ...openLiveDevice(mapped.path, volume.name), volume, mapped };
  const now = findMappedDevice(volume);
  if (now?.path === mapped.path && now.number === mapped.number) return live;
  live.close();
  throw new LvmError(`${volume.name}: it was renamed or activated anew meanwhile`, { hint: 'try again' });
}

/**
 * Opens a device or image for reading, with everything that was written to it before on it: what is read from now on is
 * what it held at this moment, unless it {@link LiveDevice.wasWritten} meanwhile. Throws `DeviceError`.
 */
export function openLiveDevice(path: string, name = path): LiveDevice {
  flushDevice(path);
  const watched = watchDevice(path, name);
  const reader = openDirect(path);
  return {
    ...watched,
    reader,
    close: () => {
      reader.close();
    },
  };
}

/** The same for whoever opens it in another way, and has flushed what is a device. Throws `DeviceError`. */
export function watchDevice(path: string, name = path): WatchedDevice {
  const before = writesTo(path);
  return {
    name,
    writer: findWriter(path),
    wasEverWritten: before !== 0,
    wasWritten: () => (Number.isNaN(before) ? findWriter(path) !== undefined : writesTo(path) !== before),
  };
}

/** A device that may never be read: it is opened when it is, and until then nobody is kept from removing it. */
export function openLazily(name: string, size: number, open: () => LiveDevice): RangeReader & Closable {
  let opened: LiveDevice | undefined;
  return {
    name,
    size,
    readSegments: async (segments, from, to, target) => {
      await (opened ??= open()).reader.readSegments(segments, from, to, target);
    },
    close: () => opened?.close(),
  };
}

/**
 * The device-mapper device of a volume, or of a layer below it (`cow`, `real`, `tpool`, …), found by its UUID and never
 * by its name. Throws `LvmError` if there is none, or if it is suspended: whoever reads it would wait until it is not.
 */
export function mappedDeviceOf(volume: LogicalVolume, layer?: string): MappedDevice {
  const mapped = awaitResumed(() => findMappedDevice(volume, layer));
  if (mapped === undefined) throw notActive(volume);
  if (mapped.suspended) {
    const hint = `if nobody is at work on it, dmsetup resume ${mapped.name} lets it go on`;
    throw new LvmError(`${volume.name}: its device ${mapped.name} is suspended`, { hint });
  }
  return mapped;
}

/** LVM suspends an origin and its snapshots for a moment whenever one of them is made or removed. */
function awaitResumed(find: () => MappedDevice | undefined): MappedDevice | undefined {
  const deadline = performance.now() + SUSPENDED_MS;
  for (;;) {
    const mapped = find();
    if (mapped?.suspended !== true || performance.now() > deadline) return mapped;
    pause(SUSPENDED_STEP_MS);
  }
}

/** The same, suspended or not; `undefined` while there is none. */
export function findMappedDevice(volume: LogicalVolume, layer?: string): MappedDevice | undefined {
  const uuid = mappedUuid(volume, layer);
  return listMappedDevices().find((device) => device.uuid === uuid);
}

function notActive({ name, thin }: LogicalVolume): LvmError {
  const skip = thin === undefined ? '' : '-K ';
  return new LvmError(`${name}: it is not active`, { hint: `lvchange -ay ${skip}${name} activates it` });
}

/**
 * What the volume holds: of a snapshot, for as long as nobody writes to it (§6.1). A thin one is known by its UUID too:
 * LVM gives its number in the pool to another one when it is gone.
 */
export function stateOfVolume({ uuid, time, vg, lv }: LogicalVolume): State {
  return { id: `lv:${uuid}`, time, details: { vg, lv } };
}

/** Names of a volume that is read, for people (§4.2, `origin`). */
export function namesOf({ vg, lv, vgUuid, uuid, path }: LogicalVolume): Record<string, string> {
  return { vg, lv, vg_uuid: vgUuid, lv_uuid: uuid, path };
}
