import { invertedHeader, type Maker } from '../algebra/derived-header.js';
import type { DerivedStream } from '../algebra/derived-stream.js';
import type { RangeReader } from '../algebra/random-access.js';
import type { Spill } from '../algebra/sort/merge-source.js';
import { invertStream } from '../compare/invert-stream.js';
import { endOf, surveyStream } from '../compare/survey.js';
import { sayWrongBase, type Verdict } from '../compare/verdict.js';
import { RefusedError } from '../errors.js';
import type { RecordBatch, Watch } from '../format/batch.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { endsOf, type Ends } from '../format/lvs/maps/ends.js';
import { resultState } from '../format/lvs/maps/result-state.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import type { Range } from '../ranges/range.js';
import { isMap, type ChangeStream } from '../format/open-stream.js';
import { openSorted } from './merge/open-sorted.js';
import type { StreamInput } from './open-input.js';

/** What it takes to make the undo of a stream without applying it. */
export interface Inverting {
  readonly input: StreamInput;
  /** What the stream is to be applied to, as it is before. */
  readonly device: RangeReader;
  readonly codec: FrameCodec;
  readonly spill: Spill;
  /** Tells the user something that is no error. */
  readonly say: (what: string) => void;
  /** Asked at the end: whether all of the device was read at one moment. */
  readonly settle: () => { readonly consistent: boolean };
}

/**
 * The stream that undoes another one (§7), made of what a device holds that is at its base. Where the stream has base digests it is
 * read twice, and the device must hold what they say; otherwise nobody can tell, which is said. Throws `RefusedError` of a device that
 * is another one, or too small, what opening the stream throws, and what reading it does when it is read.
 */
export async function invertInput(work: Inverting, maker: Maker, watch: Watch): Promise<DerivedStream> {
  const { input, device, codec, spill } = work;
  const stream = await input.open({ pieces: false });
  if (isMap(stream))
    throw new RefusedError(`${input.name}: a map holds no data to undo`, {
      hint: 'it lists ranges only; name the stream that holds their data',
    });
  const { header } = stream;
  if (device.size < (header.baseSize ?? 0))
    throw tooSmall(device, `the stream is of a device of ${header.baseSize!}`);
  await checkBase(work, header);
  const inside = { ...stream, batches: refusePastEnd(stream.batches, device, header) };
  const sorted = await openSorted(input, inside, codec, { spill, watch });
  return {
    header: invertedHeader(header, device.name, maker),
    batches: invertStream(sorted, device, codec, cutOffBy(header)),
    extras: () => {
      const { base, result } = endsAfter(stream, codec);
      return { base: result, result: base, ...work.settle(), endTime: Date.now() };
    },
  };
}

/** The end of the device that a stream takes away. */
function cutOffBy({ baseSize = 0, resultSize = Infinity }: StreamHeader): Range | undefined {
  return resultSize < baseSize ? { offset: resultSize, length: baseSize - resultSize } : undefined;
}

/** Where it leads from and to, the result computed where nothing names it (§6.1). */
function endsAfter({ header, closing }: ChangeStream, codec: FrameCodec): Ends {
  const end = closing();
  const ends = endsOf(header, end);
  const { digest } = end;
  return digest ? { ...ends, result: resultState(ends, { digest, time: header.time }, codec) } : ends;
}

async function checkBase(
  { input, device, codec, say }: Inverting,
  { baseDigests }: StreamHeader,
): Promise<void> {
  if (baseDigests !== true) {
    say(
      `${input.name} does not say what ${device.name} must hold: nobody can tell whether it is the right one`,
    );
    return;
  }
  const { batches } = await input.open({ pieces: true });
  const { verdict } = await surveyStream(batches, codec, { size: device.size, device });
  refuseOther(verdict!, device);
  if (verdict!.unknownBytes > 0)
    say(`${verdict!.unknownBytes} bytes could not be checked: the stream does not know their base`);
}

function refuseOther(verdict: Verdict, { name }: RangeReader): void {
  if (verdict.kind === 'base' || verdict.kind === 'either') return;
  const hint = 'name the device as it is before the stream is applied';
  if (verdict.kind === 'other') throw new RefusedError(sayWrongBase(name, verdict), { hint });
  const what = verdict.kind === 'result' ? 'holds what the stream writes' : 'holds some of the stream';
  throw new RefusedError(`${name}: ${what} already, so that what was there before is not known`, { hint });
}

/** Only a stream that makes the device larger writes where there is nothing to be kept. */
async function* refusePastEnd(
  batches: AsyncIterable<RecordBatch>,
  device: RangeReader,
  { baseSize }: StreamHeader,
): AsyncGenerator<RecordBatch> {
  for await (const batch of batches) {
    const end = baseSize === undefined ? endOf(batch) : 0;
    if (end > device.size) throw tooSmall(device, `the stream goes up to byte ${end}`);
    yield batch;
  }
}

function tooSmall({ name, size }: RangeReader, because: string): RefusedError {
  return new RefusedError(`${name}: has ${size} bytes, ${because}`, {
    hint: "use a device of the origin's size",
  });
}
