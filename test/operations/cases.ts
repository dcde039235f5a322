import { filled, hex, noise } from '../vectors/bytes.js';
import type { ValueMap } from '../vectors/msgpack.js';
import {
  differ,
  filesOf,
  holding,
  makes,
  modelOfStream,
  NO_ENDS,
  refused,
  type OperationVector,
  type StreamDraft,
} from './case.js';
import { apply, differences, invert, merge, modelOf, slice, type Item, type Model } from './model.js';

/** The vectors of the operations. What is expected comes from {@link Model}s, never from a program. */

const KIB = 1024;
const BLOCK = 4096;

const SIZE = 64 * KIB;
const LONG = 64 * KIB * KIB;

const ids = [
  '6f1d2a5e93c74b0a8d51e0c4b7a29f36',
  '1b9e7c3d50284f6eaa47c2d8136f905b',
  '4c0f9d1e7a624d53b8a1c6e2f0937d84',
].map(hex);
const [first, second, third] = ['uuid:first', 'uuid:second', 'uuid:third'];
const state = (id: string): ValueMap => ({ id });
const at = (offset: number, length: number, seed = offset + 1): Item => ({
  offset,
  length,
  data: noise(seed, length),
});
const zeros = (offset: number, length: number): Item => ({ offset, length });
const blocks = (seed: number, ...numbers: readonly number[]) =>
  numbers.map((n) => at(n * BLOCK, BLOCK, seed + n));

const stream = (number: number, header: ValueMap, ...frames: readonly (readonly Item[])[]): StreamDraft => ({
  header: { kind: 'changes', requires: [], order: 'sorted', id: ids[number]!, ...header },
  frames,
});
const withBase = (draft: StreamDraft, device: Uint8Array): StreamDraft => ({
  ...draft,
  header: { ...draft.header, base_digests: true },
  base: holding(device),
});
const inputs = (count: number) => Array.from({ length: count }, (_, i) => `${i + 1}.lvs`);
const device = noise(77, SIZE);

/** Streams of which each follows the one before, from `first` on. */
const links = [
  { base: state('uuid:first'), result: state('uuid:second') },
  { base: state('uuid:second'), result: state('uuid:third') },
  { base: state('uuid:third'), result: state('uuid:fourth') },
];

const mergeAll = (drafts: readonly StreamDraft[], size?: number): Model =>
  drafts.map(modelOfStream).reduce((s, t) => merge(s, t, size));

const merged = (
  name: string,
  description: string,
  drafts: readonly StreamDraft[],
  ends = NO_ENDS,
  size?: number,
) =>
  makes(
    `merge-${name}`,
    { description, operation: 'merge', inputs: inputs(drafts.length) },
    filesOf(...drafts),
    mergeAll(drafts, size),
    ends,
  );

const merges = (): OperationVector[] => {
  const consecutive = [stream(0, links[0]!, blocks(1, 1, 3)), stream(1, links[1]!, blocks(2, 2, 3))];
  const grown = { base_size: 16 * KIB, result_size: SIZE };
  const shrunk = { base_size: SIZE, result_size: 16 * KIB };
  const s = withBase(stream(0, links[0]!, blocks(1, 0, 2, 4)), device);
  const t = withBase(stream(1, links[1]!, blocks(2, 1, 4, 5)), apply(modelOfStream(s), device));
  const odd = withBase(stream(0, links[0]!, [at(100, 5000)]), device);
  const across = withBase(stream(1, links[1]!, [at(0, 3 * BLOCK)]), apply(modelOfStream(odd), device));
  const unlike = { ...t, base: holding(device) };
  return [
    merged('apart', 'Nothing that both write.', [stream(0, {}, [at(0, 100)]), stream(1, {}, [at(200, 100)])]),
    merged('touching', 'The second begins where the first ends.', [
      stream(0, {}, [at(0, 100)]),
      stream(1, {}, [at(100, 100)]),
    ]),
    merged('inside', 'The second lies inside a record of the first.', [
      stream(0, {}, [at(0, 300)]),
      stream(1, {}, [at(100, 100)]),
    ]),
    merged('around', 'The first lies inside a record of the second.', [
      stream(0, {}, [at(100, 100)]),
      stream(1, {}, [at(0, 300)]),
    ]),
    merged('across', 'Each begins in a record of the other.', [
      stream(0, {}, [at(0, 100), at(150, 100)]),
      stream(1, {}, [at(50, 150)]),
    ]),
    merged('with-nothing', 'The second has no records.', [stream(0, {}, [at(0, 100)]), stream(1, {})]),
    merged('three', 'The third writes on both.', [
      stream(0, {}, [at(0, 100)]),
      stream(1, {}, [at(100, 100)]),
      stream(2, {}, [at(50, 100, 9)]),
    ]),
    merged('data-on-zeros', 'Data in a run of zeros.', [
      stream(0, {}, [zeros(0, SIZE)]),
      stream(1, {}, [at(BLOCK, 512)]),
    ]),
    merged('zeros-on-data', 'A run of zeros that ends in a record.', [
      stream(0, {}, [at(0, 1000)]),
      stream(1, {}, [zeros(500, SIZE)]),
    ]),
    merged('unsorted', 'Records of both in any order; the later one in each wins.', [
      stream(0, { order: 'given' }, [at(500, 100), at(0, 100)], [at(50, 100, 3)]),
      stream(1, { order: 'disjoint' }, [at(540, 10, 4), at(20, 10, 5)]),
    ]),
    merged('states', 'The second follows the first.', consecutive, {
      ...NO_ENDS,
      base: first,
      result: third,
    }),
    merged(
      'covered',
      'The result of the first covers the base of the second, which leaves nothing out.',
      [
        stream(
          0,
          { base: state('lv:A'), result: { id: 'uuid:live', time: 1000, covers: ['lv:B'] } },
          blocks(1, 1),
        ),
        stream(
          1,
          { base: state('lv:B'), result: { id: 'uuid:later', time: 2000 }, exhaustive: true },
          blocks(2, 1, 2),
        ),
      ],
      { ...NO_ENDS, base: 'lv:A', result: 'uuid:later' },
    ),
    merged(
      'grown-and-shrunk',
      'The first grew the device, the second made it smaller: what lies past both sizes is left out.',
      [
        stream(0, { ...links[0]!, ...grown }, [at(0, 100), at(20 * KIB, 100)]),
        stream(1, { ...links[1]!, ...shrunk }, [at(100, 100)]),
      ],
      { base: first, result: third, base_size: 16 * KIB, result_size: 16 * KIB },
      16 * KIB,
    ),
    merged(
      'pieces',
      'Whole blocks: every piece keeps the digest of the stream that writes it first.',
      [s, t],
      { ...NO_ENDS, base: first, result: third },
    ),
    merged('pieces-cut', 'Pieces of the second that the first writes a part of are unknown.', [odd, across], {
      ...NO_ENDS,
      base: first,
      result: third,
    }),
    refused(
      'merge-gap',
      {
        description: 'The second begins at a state that the first is known not to lead to.',
        operation: 'merge',
        inputs: inputs(2),
      },
      filesOf(
        stream(0, { base: state('lv:A'), result: state('lv:B') }, blocks(1, 1)),
        stream(1, { base: state('lv:C'), result: state('lv:D') }, blocks(2, 2)),
      ),
    ),
    refused(
      'merge-wrong-order',
      {
        description: 'The streams follow each other in the other order.',
        operation: 'merge',
        inputs: inputs(2),
      },
      filesOf(
        stream(0, { base: state('lv:B'), result: state('lv:C') }, blocks(1, 1)),
        stream(1, { base: state('lv:A'), result: state('lv:B') }, blocks(2, 2)),
      ),
    ),
    refused(
      'merge-other-data',
      {
        description: 'The first writes a whole piece, of which the second says that something else is there.',
        operation: 'merge',
        inputs: inputs(2),
      },
      filesOf(s, unlike),
    ),
  ];
};

const snapbackOf = (
  number: number,
  undone: StreamDraft,
  before: Uint8Array,
  header: ValueMap,
): StreamDraft => {
  const items = undone.frames
    .flat()
    .map(({ offset, length }) => ({ offset, length, data: before.slice(offset, offset + length) }));
  return {
    header: {
      kind: 'snapback',
      requires: [],
      order: 'disjoint',
      base_digests: true,
      id: ids[number]!,
      sequence: number + 1,
      undoes: [hex(`${number}${number}`.repeat(16))],
      target: { path: '/dev/vg/replica', size: SIZE },
      base_size: SIZE,
      result_size: SIZE,
      ...header,
    },
    frames: [items],
    base: holding(apply(modelOfStream(undone), before)),
  };
};

const squashes = (): OperationVector[] => {
  const streams = [blocks(1, 1, 3), blocks(2, 2, 3), blocks(3, 1, 7)].map((items, i) => stream(i, {}, items));
  const devices = [device];
  for (const each of streams) devices.push(apply(modelOfStream(each), devices.at(-1)!));
  const name = (number: number) => state(`uuid:${['zero', 'one', 'two', 'three'][number]}`);
  const undo = streams.map((each, i) =>
    snapbackOf(i, each, devices[i]!, {
      base: name(i + 1),
      result: name(i),
      ...(i > 0 ? { follows: ids[i - 1]! } : {}),
    }),
  );
  const expected = mergeAll([undo[2]!, undo[1]!, undo[0]!]);
  const ends = { base: 'uuid:three', result: 'uuid:zero', base_size: SIZE, result_size: SIZE };
  const files = filesOf(...undo);
  const question = { operation: 'squash', inputs: inputs(3) } as const;
  return [
    makes(
      'squash-oldest-first',
      { description: 'Three snapbacks, the oldest named first.', ...question },
      files,
      expected,
      ends,
    ),
    makes(
      'squash-any-order',
      { description: 'The same in another order.', ...question, inputs: ['2.lvs', '3.lvs', '1.lvs'] },
      files,
      expected,
      ends,
    ),
    refused(
      'squash-gap',
      { description: 'The one in the middle is missing.', ...question, inputs: ['1.lvs', '3.lvs'] },
      files,
    ),
    refused(
      'squash-twice',
      { description: 'One is named twice.', ...question, inputs: ['1.lvs', '2.lvs', '2.lvs'] },
      files,
    ),
  ];
};

const coalesces = (): OperationVector[] => {
  const overlapping = stream(
    0,
    { order: 'given', base: state(first), result: state(second) },
    [at(500, 100), at(0, 100)],
    [zeros(550, 5000)],
    [at(50, 460, 3)],
  );
  const question = { operation: 'coalesce', inputs: inputs(1) } as const;
  return [
    makes(
      'coalesce-overlapping',
      { description: 'Records in any order, some of them twice.', ...question },
      filesOf(overlapping),
      modelOfStream(overlapping),
      { ...NO_ENDS, base: first, result: second },
    ),
  ];
};

const slices = (): OperationVector[] => {
  const whole = withBase(
    stream(
      0,
      { base: state(first), result: state(second), base_size: SIZE, result_size: SIZE },
      blocks(1, 1, 2, 3),
      [at(5 * BLOCK, 6000)],
    ),
    device,
  );
  const cut = (
    name: string,
    description: string,
    draft: StreamDraft,
    ranges: readonly (readonly [number, number])[],
    ends = NO_ENDS,
  ) =>
    makes(
      `slice-${name}`,
      { description, operation: 'slice', inputs: inputs(1), ranges },
      filesOf(draft),
      slice(
        modelOfStream(draft),
        ranges.map(([offset, length]) => ({ offset, length })),
      ),
      ends,
    );
  const sizes = { base_size: SIZE, result_size: SIZE };
  return [
    cut('blocks', 'A range of whole blocks.', whole, [[2 * BLOCK, BLOCK]], { ...NO_ENDS, ...sizes }),
    cut(
      'inside',
      'A range that begins and ends inside of blocks: the pieces that it cuts are unknown.',
      whole,
      [[BLOCK + 100, 2 * BLOCK]],
      { ...NO_ENDS, ...sizes },
    ),
    cut(
      'two-ranges',
      'Two ranges.',
      whole,
      [
        [BLOCK, 10],
        [5 * BLOCK, BLOCK],
      ],
      { ...NO_ENDS, ...sizes },
    ),
    cut('nothing', 'A range in which nothing is written.', whole, [[8 * BLOCK, BLOCK]], {
      ...NO_ENDS,
      ...sizes,
    }),
    makes(
      'slice-zeros',
      {
        description: 'A part of a run of zeros of 64 MiB.',
        operation: 'slice',
        inputs: inputs(1),
        ranges: [[LONG / 2 + 5, 3000]],
      },
      filesOf(stream(0, {}, [zeros(0, LONG)])),
      modelOf([zeros(LONG / 2 + 5, 3000)]),
    ),
  ];
};

const inverts = (): OperationVector[] => {
  const ends = { base: second, result: first, base_size: SIZE, result_size: SIZE };
  const header = { base: state(first), result: state(second), base_size: SIZE, result_size: SIZE };
  const sorted = withBase(stream(0, header, blocks(1, 1, 2), [at(5 * BLOCK, 6000)]), device);
  const overlapping = stream(0, { ...header, order: 'given' }, [at(500, 100)], [at(0, 550, 3)]);
  const undo = (name: string, description: string, draft: StreamDraft, held = device) =>
    [
      `invert-${name}`,
      { description, operation: 'invert', inputs: inputs(1), device: 'device.img' },
      { ...filesOf(draft), 'device.img': held },
    ] as const;
  return [
    makes(
      ...undo('blocks', 'What the device holds where the stream writes.', sorted),
      invert(modelOfStream(sorted), device),
      ends,
    ),
    makes(
      ...undo(
        'overlapping',
        'Each byte once, with the digests of what is there after all records.',
        overlapping,
      ),
      invert(modelOfStream(overlapping), device),
      ends,
    ),
    refused(...undo('wrong-device', 'The device is not at the base.', sorted, noise(78, SIZE))),
  ];
};

const diffs = (): OperationVector[] => {
  const changed = device.slice();
  changed.set(noise(5, 100), 5000);
  changed.set(filled(0, 2 * BLOCK), 8 * BLOCK);
  const blocksOf = (old: Uint8Array, now: Uint8Array): Item[] =>
    Array.from({ length: now.length / BLOCK }, (_, n) => ({
      offset: n * BLOCK,
      length: BLOCK,
      data: now.slice(n * BLOCK, (n + 1) * BLOCK),
    })).filter(({ offset, data }) => Buffer.compare(old.subarray(offset, offset + BLOCK), data) !== 0);
  const question = (description: string) =>
    ({ description, operation: 'diff', inputs: ['old.img', 'new.img'] }) as const;
  const made = (name: string, description: string, old: Uint8Array, now: Uint8Array) =>
    makes(
      `diff-${name}`,
      question(description),
      { 'old.img': old, 'new.img': now },
      modelOf(blocksOf(old, now), holding(old)),
      { ...NO_ENDS, base_size: old.length, result_size: now.length },
    );
  return [
    made('blocks', 'Two images: whole blocks that are not equal, those of zeros as zeros.', device, changed),
    made('equal', 'Nothing is written.', device, device.slice()),
  ];
};

const compares = (): OperationVector[] => {
  const one = stream(0, {}, [at(0, 100), at(300, 100)], [zeros(1000, 5000)]);
  const other = stream(
    1,
    { order: 'given' },
    [{ ...at(1000, 5000), data: filled(0, 5000) }],
    [at(300, 100)],
    [at(0, 100)],
  );
  const unlike = stream(1, {}, [at(0, 100), at(290, 100)], [zeros(1000, 5001)]);
  const compared = (name: string, description: string, a: StreamDraft, b: StreamDraft) =>
    differ(
      `compare-${name}`,
      { description, operation: 'compare', inputs: inputs(2) },
      filesOf(a, b),
      differences(modelOfStream(a), modelOfStream(b)),
    );
  return [
    compared('equal', 'The same bytes in another order and in other frames, zeros as data.', one, other),
    compared('different', 'Other bytes, and places that only one writes.', one, unlike),
  ];
};

/** All of them, by name. */
export const operationVectors = (): OperationVector[] =>
  [...merges(), ...squashes(), ...coalesces(), ...slices(), ...inverts(), ...diffs(), ...compares()].sort(
    (a, b) => (a.name < b.name ? -1 : 1),
  );
