import { createCodec } from '../../codec/codec.js';
import { randomId } from '../../codec/random-id.js';
import { applyStream } from '../../apply/apply.js';
import { hasOpen } from '../../device/usage/open-files.js';
import { isBegun } from '../../apply/finished.js';
import { RefusedError, UsageError, type Sentence } from '../../errors.js';
import { openInput } from '../../files/open-input.js';
import { writeOutput } from '../../files/write-output.js';
import { dataSize, type RecordBatch, type Watch } from '../../format/batch.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import { countBytes, type OpenChanges } from '../../changes/changes.js';
import { inputOf, spoolChanges } from '../../changes/changes-input.js';
import { openLiveChanges } from '../../lvm/live.js';
import { findVolume, listVolumes, volumeBehind } from '../../lvm/logical-volumes.js';
import { writePlainDump } from '../../changes/write-changes.js';
import { applyOptions } from './apply.js';
import { warn, type Chattiness } from './options.js';
import { outputPath } from '../options.js';
import { generator } from '../package-version.js';
import { withProgress } from '../print/progress.js';
import { remarking } from '../print/remarks.js';
import { widenPipes } from '../widen-pipes.js';
import { withOpen } from '../with-open.js';

/** What the original sends, which knows nothing of the rest. */
const ALL_CHANGES = { undo: false, full: false, keepEqual: false, rangesOnly: false, waitSeconds: 30 };

/** Where the changes go: standard output, or a device, with the undo saved if that is named. */
export interface Destination {
  readonly device: string | undefined;
  readonly snapback: string | undefined;
}

type LocalDestination = Destination & { readonly device: string };

/** Sends the changes of a snapshot: `lvmsync SNAPSHOT --stdout` or `lvmsync SNAPSHOT DEVICE`. */
export async function send(
  snapshot: string,
  dataSource: string | undefined,
  { device, snapback }: Destination,
  chattiness: Chattiness,
): Promise<void> {
  const counter = { bytes: 0, started: 0 };
  const deviceSize = await withOpen(async (keep) => {
    const changes = keep(await openLiveChanges(snapshot, { ...ALL_CHANGES, dataSource }));
    counter.started = performance.now();
    const say = (text: Sentence): void => {
      warn(text, chattiness);
    };
    await remarking(changes, say, async () => {
      widenPipes();
      const total = async () => countBytes(changes);
      await withProgress('lvmsync', total, chattiness, async (watch): Promise<void> => {
        const counting: Watch = (batches) => watch(count(batches, counter));
        if (device === undefined)
          await writeOutput(outputPath({}, [dataSource]), {}, (output) =>
            writePlainDump(changes, output, counting),
          );
        else await applyHere(changes, snapshot, { device, snapback }, counting, chattiness);
      });
    });
    return changes.resultSize;
  });
  sayRate(counter.bytes, performance.now() - counter.started, deviceSize, chattiness);
}

/** Writes to a device of this host. What an interrupted run has left is gone on with, for which all must be read first. */
async function applyHere(
  changes: OpenChanges,
  snapshot: string,
  { device, snapback }: LocalDestination,
  watch: Watch,
  chattiness: Chattiness,
): Promise<void> {
  refuseSource(device, snapshot);
  const { notices } = await withOpen(async (keep) => {
    const codec = keep(createCodec({ level: 3 }));
    const openFile = (path: string) => openInput(path, codec, { pieces: true });
    const input = keep(await openChangesInput(changes, snapshot, { device, snapback }, codec, watch));
    return applyStream(input, device, codec, openFile, applyOptions(snapback));
  });
  for (const notice of notices) warn(notice, chattiness);
}

async function openChangesInput(
  changes: OpenChanges,
  snapshot: string,
  { device, snapback }: LocalDestination,
  codec: FrameCodec,
  watch: Watch,
) {
  const options = { baseDigests: false, id: randomId(), generator: generator() };
  if (await isBegun(snapback, device)) return spoolChanges(changes, codec, options, watch);
  return inputOf(changes, `the changes of ${snapshot}`, codec, options, watch);
}

/** `HOST:DEVICE`, where the host has no slash. Throws `UsageError`. */
export function refuseHost(device: string, snapshot: string): void {
  const [, host, remote] = /^([^/:]+):(.*)$/s.exec(device) ?? [];
  if (host === undefined) return;
  throw new UsageError('sending to another host is not available yet', {
    hint: `lvmsync --stdout ${snapshot} | ssh ${host} lvmsync --apply - ${remote ?? ''}`,
  });
}

/** What is read, and what shares its store: the snapshot itself, and others of its origin. */
function refuseSource(device: string, snapshot: string): void {
  const volumes = listVolumes();
  const source = findVolume(volumes, snapshot);
  const target = volumeBehind(volumes, device);
  const isRelated =
    target?.uuid === source.uuid ||
    (source.originUuid !== undefined && target?.originUuid === source.originUuid);
  if (!hasOpen(device) && !(target && isRelated)) return;
  throw new RefusedError(`${device}: is what the changes are read from, or another snapshot of it`, {
    hint: 'name the device that they are to be written to',
  });
}

async function* count(
  batches: AsyncIterable<RecordBatch>,
  counter: { bytes: number },
): AsyncGenerator<RecordBatch> {
  for await (const batch of batches) {
    counter.bytes += dataSize(batch);
    yield batch;
  }
}

/** The original's last words. */
function sayRate(bytes: number, milliseconds: number, deviceSize: number, { quiet }: Chattiness): void {
  if (quiet) return;
  process.stderr.write(`Transferred ${bytes} bytes in ${(milliseconds / 1000).toFixed(2)} seconds\n`);
  if (bytes === 0) return;
  const times = (deviceSize / bytes).toFixed(2);
  process.stderr.write(`You transferred your changes ${times}x faster than a full dd!\n`);
}
