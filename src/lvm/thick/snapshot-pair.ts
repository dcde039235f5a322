import { mergeRanges } from '../../ranges/merge-ranges.js';
import { readRangesAhead } from '../../device/read-ranges-ahead.js';
import { RefusedError, remedy, sentence, UsageError } from '../../errors.js';
import type { Opening } from '../../changes/changes.js';
import { recordingSnapshots, stateOfThickSnapshot } from '../covered-snapshots.js';
import type { LiveOptions } from '../live-options.js';
import { type LiveVolume, namesOf, openLiveVolume, stateOfVolume } from '../live-volume.js';
import type { VolumeList } from '../logical-volumes.js';
import type { Keep } from '../opened.js';
import { keepEqualBecause, readUnequal } from '../read-unequal.js';
import { refuseUsed, refuseWritten } from '../single-moment.js';
import { readSnapshotStatus } from './snapshot-status.js';
import { changesUpTo, explainLoss, readSnapshotTable } from './snapshot-table.js';
import { createTemporarySnapshot, removeAbandonedSnapshots } from './temporary-snapshot.js';
import type { ThickPair } from './thick-snapshot.js';

type PairOptions = Pick<LiveOptions, 'keepEqual' | 'rangesOnly'>;

/**
 * Opens the changes between two thick snapshots of one origin, whichever is older and whatever their chunk sizes. All
 * that differs is in one of their tables: what the origin wrote since the older one was made is in that one's, what was
 * written to a snapshot is in its own. Writes to the origin meanwhile change neither.
 *
 * Throws `UsageError` if both are the same, `RefusedError` if their origins differ or one is open for writing.
 */
export async function openSnapshotPair(
  from: ThickPair,
  to: ThickPair,
  volumes: VolumeList,
  options: PairOptions,
  keep: Keep,
): Opening {
  refuseUnlike(from, to);
  const [left, right] = [from, to].map(({ snapshot }) => {
    readSnapshotStatus(snapshot);
    return refuseUsed(keep(openLiveVolume(snapshot)));
  }) as [LiveVolume, LiveVolume];
  const before = await readSnapshotTable(from.snapshot);
  const after = await readSnapshotTable(to.snapshot);
  const size = after.size;
  const because = options.keepEqual ? undefined : keepEqualBecause(left);
  const ranges = () => mergeRanges(changesUpTo(before, size), after.ranges());
  return {
    base: stateOfVolume(from.snapshot),
    result: stateOfThickSnapshot(volumes, to.snapshot, right.wasEverWritten),
    exhaustive: options.keepEqual || options.rangesOnly || because !== undefined,
    baseSize: before.size,
    resultSize: size,
    chunkSize: Math.min(before.chunkSize, after.chunkSize),
    origin: namesOf(from.origin),
    ranges,
    batches: () =>
      explainLoss(
        options.keepEqual || because !== undefined
          ? readRangesAhead(ranges(), right.reader)
          : readUnequal(ranges, left, right),
        [before, after],
      ),
    before: size > before.size ? undefined : left.reader,
    remarks: because === undefined ? [] : [because],
    conclude: () => {
      before.checkStillThere();
      after.checkStillThere();
      for (const each of [left, right]) refuseWritten(each);
      return { consistent: true };
    },
  };
}

/**
 * The same from a snapshot to one that is made for it, with a store of so many bytes, and removed when the changes are
 * closed. What an lvstream that was killed left behind is removed first. Throws `LvmError` if it can't be made.
 */
export async function openTemporaryPair(
  from: ThickPair,
  volumes: VolumeList,
  { temporarySnapshot = 0, ...options }: LiveOptions,
  keep: Keep,
): Opening {
  const remarks = removeAbandonedSnapshots(from.origin, volumes);
  const covers = recordingSnapshots(volumes, from.origin);
  const { volume, volumes: all } = keep(
    createTemporarySnapshot(from.origin, ['--size', `${temporarySnapshot}b`]),
  );
  const changes = await openSnapshotPair(from, { ...from, snapshot: volume }, all, options, keep);
  return {
    ...changes,
    result: { ...stateOfVolume(volume), covers },
    remarks: [...remarks, ...changes.remarks],
  };
}

function refuseUnlike(from: ThickPair, to: ThickPair): void {
  const names = `${from.snapshot.name} and ${to.snapshot.name}`;
  if (from.snapshot.uuid === to.snapshot.uuid)
    throw new UsageError(`${names} are the same snapshot`, {
      hint: sentence`${remedy('second-volume')} names a second one`,
    });
  if (from.origin.uuid === to.origin.uuid) return;
  const origins = `${from.origin.name} and ${to.origin.name}`;
  throw new RefusedError(`${names} are snapshots of different origins, ${origins}`, {
    hint: 'name two snapshots of one volume',
  });
}
