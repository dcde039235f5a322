import { describe, expect, it } from 'vitest';
import { FormatError } from '#src/errors.js';
import { releaseBatch } from '#src/format/batch.js';
import { ByteReader } from '#src/format/byte-reader.js';
import { openStream } from '#src/format/open-stream.js';
import { filled, flipped, join, noise, u32 } from '../vectors/bytes.js';
import { cutRecord } from '../vectors/container.js';
import { changes, longRecord, lvs, record, sorted } from '../vectors/vector.js';
import { contentChecksum, dataFrame, rawBlock } from '../vectors/zstd.js';
import { createRememberingCodec } from './inline-codec.js';
import { readStream, sourceOf } from './read-stream.js';
import { vectorInput } from './vector-files.js';

/** Every bit and every cut of an `.lvs` file is noticed, and so is every way of putting files together wrongly. */

/** Small files that have, between them, every structure of the container. */
const names = [
  'good-empty',
  'good-compressed',
  'good-order-disjoint',
  'good-zeros-ranges',
  'good-digests-pages',
  'good-digests-long-record',
  'good-map-pages',
  'good-page-empty',
  'good-header-all-fields',
  'good-closing-extras',
] as const;

const codec = createRememberingCodec();

/** The fault that is found; fails on a verdict of good and on every other error. */
async function faultOf(input: Uint8Array, pieces?: number): Promise<string> {
  try {
    const stream = await openStream(new ByteReader(sourceOf(input, pieces)), codec);
    for await (const batch of stream.batches) releaseBatch(batch);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    if (error.position > input.length)
      throw new Error(`${error.message} is beyond the end`, { cause: error });
    return error.fault;
  }
  throw new Error('nothing was noticed');
}

/** Fails if the frames make a file that is taken for good, unless it is the very file that it was made from. */
async function refuse(frames: readonly Frame[], original: Uint8Array, what: string): Promise<void> {
  const mixed = fileOf(frames);
  if (Buffer.compare(mixed, original) !== 0) await faultOf(mixed).catch(blame(what));
}

const blame = (what: string) => (cause: unknown) => {
  throw new Error(what, { cause });
};

interface Frame {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** The borders of a file's frames, by the seek table at its end. */
function framesOf(file: Uint8Array): Frame[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const count = view.getUint32(file.length - 9, true);
  const table = file.length - 17 - 8 * count;
  const frames: Frame[] = [];
  for (let i = 0, position = 0; i < count; i++) {
    const size = view.getUint32(table + 8 + 8 * i, true);
    frames.push({ position, bytes: file.subarray(position, position + size) });
    position += size;
  }
  return [...frames, { position: table, bytes: file.subarray(table) }];
}

const fileOf = (frames: readonly Frame[]): Uint8Array => join(...frames.map(({ bytes }) => bytes));

describe.each(names)('%s', (name) => {
  const file = vectorInput(name);

  it('is small and good', async () => {
    expect(file.length).toBeLessThan(2048);
    expect((await readStream(sourceOf(file), codec)).verdict).toBe('good');
    expect(fileOf(framesOf(file))).toEqual(file);
  });

  it('is refused with any bit flipped', async () => {
    for (let bit = 0; bit < file.length * 8; bit++) {
      const damaged = flipped(file, bit >> 3, 1 << (bit & 7));
      await faultOf(damaged).catch(blame(`bit ${bit & 7} of byte ${bit >> 3}`));
    }
  });

  it('is refused when it is cut anywhere, as what it is', async () => {
    for (let size = 0; size < file.length; size++) {
      const fault = await faultOf(file.subarray(0, size));
      expect(fault, `cut at ${size}`).toBe(size === 0 ? 'not-a-stream' : 'truncated');
    }
  });

  it('is refused in single bytes as it is whole', async () => {
    for (let at = 0; at < file.length; at += 37) {
      const damaged = flipped(file, at, 1 << (at & 7));
      expect(await faultOf(damaged, 1), `byte ${at}`).toBe(await faultOf(damaged));
      expect(await faultOf(file.subarray(0, at), 1), `cut at ${at}`).toBe(
        await faultOf(file.subarray(0, at)),
      );
    }
  });

  it('is refused with one byte more or less, anywhere', async () => {
    for (let at = 0; at <= file.length; at += 3) {
      await faultOf(join(file.subarray(0, at), Uint8Array.of(0), file.subarray(at)));
      if (at < file.length) await faultOf(join(file.subarray(0, at), file.subarray(at + 1)));
    }
  });

  it('is refused when another file follows', async () => {
    for (const other of [name, 'good-empty', 'good-digests']) {
      expect(await faultOf(join(file, vectorInput(other)))).toBe('concatenated');
    }
  });

  it('is refused with its header doubled', async () => {
    const [header] = framesOf(file);
    expect(await faultOf(join(header!.bytes, file))).toBe('concatenated');
  });

  it('is refused with any frame dropped, repeated or exchanged with another', async () => {
    const frames = framesOf(file);
    for (const [i, frame] of frames.entries()) {
      const others = frames.filter((other) => other !== frame);
      await refuse(others, file, `frame ${i} dropped`);
      for (let j = 0; j <= frames.length; j++) {
        await refuse(
          [...frames.slice(0, j), frame, ...frames.slice(j)],
          file,
          `frame ${i} again before ${j}`,
        );
        await refuse([...others.slice(0, j), frame, ...others.slice(j)], file, `frame ${i} moved to ${j}`);
      }
    }
  });

  it('is refused with a part of another file', async () => {
    const frames = framesOf(file);
    for (const other of names.filter((each) => each !== name)) {
      const strangers = framesOf(vectorInput(other));
      await refuse([strangers[0]!, ...frames.slice(1)], file, `header of ${other}`);
      await refuse(
        [...frames.slice(0, -2), strangers.at(-2)!, frames.at(-1)!],
        file,
        `last page of ${other}`,
      );
      await refuse([...frames.slice(0, -2), ...strangers.slice(-2)], file, `tail of ${other}`);
      await refuse([...frames.slice(0, -1), strangers.at(-1)!], file, `seek table of ${other}`);
    }
  });
});

describe('files of one shape', () => {
  const make = (seed: number, header = sorted) =>
    lvs('', '', header, (file) => {
      for (let i = 0; i < 3; i++) file.data([{ offset: i * 4096, data: noise(seed + i, 64) }]);
      file.page({ frames: 3 });
      file.finish();
    }).input;

  const frames = framesOf(make(1));
  const others = framesOf(make(100));

  it('have frames of the same sizes', () => {
    expect(others.map(({ position }) => position)).toEqual(frames.map(({ position }) => position));
  });

  it('are refused with any frame that differs taken from the other', async () => {
    for (const [i, other] of others.entries()) {
      await refuse(frames.with(i, other), fileOf(frames), `frame ${i}`);
    }
  });

  it('are refused with the whole tail of the other', async () => {
    for (let tail = 2; tail < frames.length - 3; tail++) {
      await faultOf(fileOf([...frames.slice(0, -tail), ...others.slice(-tail)]));
    }
  });

  it('are refused with the header of the other', async () => {
    const relabelled = framesOf(make(1, { ...sorted, generator: 'x' }));
    expect(await faultOf(fileOf([relabelled[0]!, ...frames.slice(1)]))).toBe('frame-digest');
  });
});

describe('limits that take large files', () => {
  it('is refused: a data frame of more than 9 MiB, most of it empty blocks', async () => {
    const item = record(0);
    const encode = (content: Uint8Array) => {
      const empty = join(...Array.from({ length: 1 << 12 }, () => rawBlock(new Uint8Array(0))));
      const blocks = [...Array.from({ length: 800 }, () => empty), rawBlock(content, true)];
      return dataFrame(content, { blocks, checksum: contentChecksum(content) });
    };
    const { input } = lvs('', '', changes, (file) => {
      file.data([item], { encode });
      file.finish();
    });
    expect(await faultOf(input)).toBe('frame-size');
  });

  it('is refused: a closing map of more than 1 MiB', async () => {
    const { input } = lvs('', '', changes, (file) => file.finish({ closing: { later: filled(1, 1 << 20) } }));
    expect(await faultOf(input)).toBe('closing-map');
  });

  it('is refused: a page that says it goes on for 4 GiB, without waiting for it', async () => {
    const [header, line] = framesOf(vectorInput('good-empty'));
    const page = join(u32(0x184d2a51), u32(0xffffffff));
    expect(await faultOf(join(header!.bytes, line!.bytes, page))).toBe('frame-size');
  });

  it('is accepted: the largest header, and a record of two frames of 8 MiB', async () => {
    const long = longRecord(0, 16 * 2 ** 20 - 12);
    const room = 2 ** 20 - 12 - 4 - 60;
    const { input } = lvs('', '', { ...changes, later: filled(1, room) }, (file) => {
      for (const part of cutRecord(long, 8 * 2 ** 20 - 12)) file.data([part]);
      file.finish();
    });
    const reading = await readStream(sourceOf(input), codec);
    expect(reading.verdict).toBe('good');
    expect(reading.records).toHaveLength(1);
  });
});
