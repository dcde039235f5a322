import { clipRanges } from '../../ranges/clip-ranges.js';
import { readRangesAhead } from '../../device/read-ranges-ahead.js';
import type { Range } from '../../ranges/range.js';
import type { OpenChanges, Opening } from '../../changes/changes.js';
import {
  recordingSnapshots,
  stateOfDataSource,
  stateOfThickSnapshot,
  unnamedState,
} from '../covered-snapshots.js';
import type { LiveOptions, NamedVolume } from '../live-options.js';
import {
  type LiveDevice,
  namesOf,
  openLiveDevice,
  openLazily,
  openLiveVolume,
  stateOfVolume,
} from '../live-volume.js';
import { findVolume, type LogicalVolume, type VolumeList } from '../logical-volumes.js';
import { type Keep, openTogether } from '../opened.js';
import { baseInUse, isQuiet, notUndone, refuseSmaller, remarksOn } from '../single-moment.js';
import { readSnapshotStatus } from './snapshot-status.js';
import { changesUpTo, explainLoss, readSnapshotTable } from './snapshot-table.js';
import { requireThickSnapshot, type ThickPair } from './thick-snapshot.js';

/** Opens the changes of a thick volume (see `openLiveChanges`). */
export async function openThickChanges(subject: NamedVolume, options: LiveOptions): Promise<OpenChanges> {
  const { to, temporarySnapshot } = options;
  if (options.full) return openTogether((keep) => openFull(subject, keep));
  const pair = requireThickSnapshot(subject);
  if (to !== undefined) {
    const second = requireThickSnapshot({ ...subject, volume: findVolume(subject.volumes, to) });
    const { openSnapshotPair } = await import('./snapshot-pair.js');
    return openTogether((keep) => openSnapshotPair(pair, second, subject.volumes, options, keep));
  }
  if (temporarySnapshot !== undefined) {
    const { openTemporaryPair } = await import('./snapshot-pair.js');
    return openTogether((keep) => openTemporaryPair(pair, subject.volumes, options, keep));
  }
  return openTogether((keep) =>
    options.undo ? openUndo(pair, keep) : openForward(pair, subject.volumes, options, keep),
  );
}

/** From the snapshot to what its origin, or another device in its place, holds now. */
async function openForward(
  pair: ThickPair,
  volumes: VolumeList,
  { dataSource, rangesOnly }: LiveOptions,
  keep: Keep,
): Opening {
  const { snapshot } = pair;
  const origin = keep(openLiveVolume(pair.origin));
  const data = dataSource === undefined ? origin : keep(openLiveDevice(dataSource));
  const { writer } = lookAt(snapshot);
  const covers = recordingSnapshots(volumes, pair.origin);
  const time = Date.now();
  const table = await readSnapshotTable(snapshot);
  const size = origin.reader.size;
  const ranges = () => changesUpTo(table, size);
  refuseSmaller(data, size);
  const remarks = rangesOnly ? [] : remarksOn(data);
  const resultOf = () => {
    if (rangesOnly) return undefined;
    return dataSource === undefined
      ? unnamedState({ time, covers })
      : stateOfDataSource(volumes, snapshot, dataSource, data);
  };
  if (writer !== undefined) remarks.push(baseInUse(snapshot, writer));
  return {
    base: writer === undefined ? stateOfVolume(snapshot) : undefined,
    result: resultOf(),
    exhaustive: true,
    baseSize: table.size,
    resultSize: size,
    chunkSize: table.chunkSize,
    origin: { ...namesOf(pair.origin), ...snapshotNames(snapshot) },
    ranges,
    batches: () => readRangesAhead(ranges(), data.reader),
    before:
      size > table.size
        ? undefined
        : keep(openLazily(snapshot.name, table.size, () => openLiveVolume(snapshot))),
    remarks,
    conclude: () => {
      table.checkStillThere();
      return { consistent: rangesOnly || isQuiet(data, remarks) };
    },
  };
}

/** From what the origin holds now back to the snapshot, whose own device has the data whatever is written meanwhile. */
async function openUndo(pair: ThickPair, keep: Keep): Opening {
  const origin = keep(openLiveVolume(pair.origin));
  const snapshot = keep(openLiveVolume(pair.snapshot));
  const table = await readSnapshotTable(pair.snapshot);
  const ranges = () => clipRanges(table.ranges(), origin.reader.size);
  const remarks = remarksOn(snapshot);
  if (origin.writer !== undefined) remarks.push(notUndone(`${origin.name} ${origin.writer}`));
  return {
    result: stateOfVolume(pair.snapshot),
    exhaustive: true,
    baseSize: origin.reader.size,
    resultSize: table.size,
    chunkSize: table.chunkSize,
    origin: { ...namesOf(pair.origin), ...snapshotNames(pair.snapshot) },
    ranges,
    batches: () => explainLoss(readRangesAhead(ranges(), snapshot.reader), [table]),
    before: origin.reader,
    remarks,
    conclude: () => {
      table.checkStillThere();
      if (origin.writer === undefined && origin.wasWritten())
        remarks.push(notUndone(`${origin.name} was written to meanwhile`));
      return { consistent: isQuiet(snapshot, remarks) };
    },
  };
}

/** Flushes a snapshot and sees who writes to it, without keeping anybody from removing it afterwards. */
function lookAt(snapshot: LogicalVolume): LiveDevice {
  const live = openLiveVolume(snapshot);
  live.close();
  return live;
}

/** All that a volume holds. Of a snapshot that is a state; of any other volume it is what it holds just now. */
async function openFull({ volumes, volume }: NamedVolume, keep: Keep): Opening {
  const isSnapshot = volume.roles.includes('thicksnapshot');
  if (isSnapshot) readSnapshotStatus(volume);
  const data = keep(openLiveVolume(volume));
  const size = data.reader.size;
  const remarks = remarksOn(data);
  const covers = recordingSnapshots(volumes, volume);
  const time = Date.now();
  const ranges = (): Range[] => (size > 0 ? [{ offset: 0, length: size }] : []);
  return {
    result:
      isSnapshot && data.writer === undefined
        ? stateOfThickSnapshot(volumes, volume, data.wasEverWritten)
        : unnamedState({ time, covers }),
    exhaustive: true,
    resultSize: size,
    chunkSize: undefined,
    origin: namesOf(volume),
    ranges,
    batches: () => readRangesAhead(ranges(), data.reader),
    remarks,
    conclude: () => {
      if (isSnapshot) readSnapshotStatus(volume);
      return { consistent: isQuiet(data, remarks) };
    },
  };
}

function snapshotNames({ name, uuid }: LogicalVolume): Record<string, string> {
  return { snapshot: name, snapshot_uuid: uuid };
}
