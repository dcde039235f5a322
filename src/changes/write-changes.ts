import { mergeRanges } from '../ranges/merge-ranges.js';
import type { RangeReader } from '../algebra/random-access.js';
import { splitZeroRuns } from '../algebra/zeros/split-zeros.js';
import { createPieceDigester } from '../compare/digest-pieces.js';
import { remedy, UsageError } from '../errors.js';
import type { RecordBatch, Watch } from '../format/batch.js';
import type { Closing, Totals } from '../format/lvs/maps/closing.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import type { ByteSink } from '../format/lvs/writer.js';
import { writePlain } from '../format/lvmsync/plain.js';
import { resultState } from '../format/lvs/maps/result-state.js';
import { isNamed } from '../format/lvs/maps/state.js';
import { writeLvs } from '../format/lvs/write-lvs.js';
import { writeMap } from '../format/lvs/write-map.js';
import type { Changes } from './changes.js';

export interface DumpOptions {
  /** Say of every piece what the device must hold before; needs `Changes.before`. */
  readonly baseDigests: boolean;
  /** 16 bytes that name the stream. */
  readonly id: Uint8Array;
  readonly generator: string;
}

/**
 * Writes changes as an `.lvs` file. Throws what reading them and {@link Changes.conclude} throw, and what `sink` does;
 * `UsageError` before anything is written if there can be no base digests.
 */
export async function writeDump(
  changes: Changes,
  sink: ByteSink,
  codec: FrameCodec,
  options: DumpOptions,
  watch: Watch = (batches) => batches,
): Promise<Closing> {
  const before = options.baseDigests ? beforeOf(changes) : undefined;
  const batches = watch(splitZeroRuns(changes.batches()));
  const digested = before === undefined ? batches : addBaseDigests(batches, before, codec);
  const header = dumpHeader(changes, options);
  return writeLvs(digested, sink, codec, header, (digest) =>
    endOfDump(header, changes.conclude(), digest, codec),
  );
}

/** What a stream says at its end, once all that it holds has been read and `settled`. */
export function endOfDump(
  header: StreamHeader,
  { consistent }: ReturnType<Changes['conclude']>,
  digest: Uint8Array,
  codec: FrameCodec,
): Pick<Closing, 'result' | 'consistent' | 'endTime'> {
  const endTime = Date.now();
  const found = resultState(header, { digest, time: header.time }, codec);
  const result = found && !isNamed(found) ? { ...found, until: endTime, consistent } : found;
  return { result, consistent, endTime };
}

function beforeOf({ before }: Changes): RangeReader {
  if (before !== undefined) return before;
  const hint = [remedy('without-base-digests')];
  throw new UsageError('no base digests: what the device held before is not there to be read', { hint });
}

/** Writes the ranges of changes as a map (§4.6.3), without their data. Throws as {@link writeDump} does. */
export function writeChangeMap(
  changes: Changes,
  sink: ByteSink,
  codec: FrameCodec,
  options: Omit<DumpOptions, 'baseDigests'>,
): Promise<Closing> {
  const header = { ...dumpHeader(changes, { ...options, baseDigests: false }), kind: 'map' as const };
  return writeMap([mergeRanges(changes.ranges())], sink, codec, header, () => {
    changes.conclude();
    return { result: changes.result, endTime: Date.now() };
  });
}

/**
 * Writes changes as a plain lvmsync stream, and returns what such a stream can't say of itself; what does not prove sound at
 * the end is an error all the same.
 */
export async function writePlainDump(
  changes: Changes,
  sink: ByteSink,
  watch: Watch = (batches) => batches,
): Promise<Totals & Pick<Closing, 'consistent'>> {
  let consistent: boolean | undefined;
  const batches = followedBy(changes.batches(), () => {
    ({ consistent } = changes.conclude());
  });
  return { ...(await writePlain(watch(batches), sink)), consistent };
}

/** The parts; `act` is called when all have been taken. */
export async function* followedBy<T>(parts: AsyncIterable<T>, act: () => void): AsyncGenerator<T> {
  yield* parts;
  act();
}

/** The header of a stream of these changes (§4.2). */
export function dumpHeader(changes: Changes, { id, generator, baseDigests }: DumpOptions): StreamHeader {
  const { base, result, exhaustive, baseSize, resultSize, chunkSize, origin } = changes;
  return {
    id,
    kind: 'changes',
    requires: [],
    order: 'sorted',
    base,
    result,
    baseDigests: baseDigests || undefined,
    exhaustive: exhaustive || undefined,
    baseSize,
    resultSize,
    chunkSize,
    origin,
    generator,
    time: Date.now(),
  };
}

async function* addBaseDigests(
  batches: AsyncIterable<RecordBatch>,
  before: RangeReader,
  codec: FrameCodec,
): AsyncGenerator<RecordBatch> {
  const digestPieces = createPieceDigester(before, codec);
  for await (const batch of batches) yield { ...batch, pieces: await digestPieces(batch) };
}
