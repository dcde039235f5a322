import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCapture, thinCases } from '../../captures.js';
import { memoryReader } from '../thick/cow-model.js';
import { BLOCK, type Entry, MetadataBuilder, packMapping, seal, sealSuperblock } from './metadata-builder.js';
import { watchNodes } from './watch-nodes.js';
import { LvmError } from '#src/errors.js';
import { listThinDevices, openThinMetadata, thinDifference } from '#src/lvm/thin/thin-metadata.js';

/** Damage is an error with its place, or harmless; never another difference, and never without end. */

const slow = process.env['SLOW'] === '1';

const differences = (image: Uint8Array, metadataSnapshot = false) => {
  const pool = openThinMetadata(memoryReader(image, 'tmeta.img'), { metadataSnapshot });
  return { devices: [...listThinDevices(pool)], runs: [...thinDifference(pool, 2, 1)] };
};

const failure = (image: Uint8Array): LvmError => {
  try {
    differences(image);
  } catch (error) {
    if (error instanceof LvmError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe.each(thinCases)('a bit flipped in %s', (name) => {
  const image = readCapture(name, 'tmeta.img');
  const whole = [differences(image, false), differences(image, true)];
  const used = usedBlocks(image);

  it('is noticed, or changes nothing', () => {
    const bit = fc.oneof(
      { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...used), fc.nat(BLOCK * 8 - 1)) },
      fc.tuple(fc.nat(image.length / BLOCK - 1), fc.nat(BLOCK * 8 - 1)),
    );
    fc.assert(
      fc.property(bit, fc.boolean(), ([block, place], metadataSnapshot) => {
        const byte = block * BLOCK + (place >> 3);
        image[byte]! ^= 1 << (place & 7);
        try {
          expect(differences(image, metadataSnapshot)).toEqual(whole[Number(metadataSnapshot)]);
        } catch (error) {
          if (!(error instanceof LvmError)) throw error;
          expect(error.message).toContain(`tmeta.img: metadata block ${block}, byte `);
        } finally {
          image[byte]! ^= 1 << (place & 7);
        }
      }),
      { numRuns: slow ? 10_000 : 500 },
    );
  });

  it('is always noticed in a block that is read', () => {
    for (const block of used) {
      const byte = block * BLOCK + ((block * 613) % BLOCK);
      image[byte]! ^= 1 << (block & 7);
      expect(failure(image).message).toContain(`tmeta.img: metadata block ${block}, byte `);
      image[byte]! ^= 1 << (block & 7);
    }
  });
});

/** The blocks that a difference looks at; what is read along with them is not among them. */
function usedBlocks(image: Buffer): number[] {
  const pool = openThinMetadata(memoryReader(image));
  const { watched, nodes } = watchNodes(pool);
  for (const _ of listThinDevices(watched));
  for (const _ of thinDifference(watched, 2, 1));
  return [0, ...nodes];
}

/** Two devices of two leaves each; the second leaf is shared, and not the first. */
const build = () => {
  const builder = new MetadataBuilder();
  const leaf = (first: number, data: number) =>
    builder.node(
      true,
      [0, 1, 2].map((i): Entry => [first + i, packMapping(data + i)]),
    );
  const shared = leaf(100, 500);
  const leaves = [leaf(10, 200), leaf(10, 300)];
  const roots = leaves.map((own) =>
    builder.node(false, [
      [10, BigInt(own)],
      [100, BigInt(shared)],
    ]),
  );
  const image = builder.image(
    new Map([
      [1, roots[0]!],
      [2, roots[1]!],
    ]),
  );
  return { image, shared, leaves, roots, top: Number(image.readBigUInt64LE(320)) };
};

describe('the superblock', () => {
  const u32 = (at: number, value: number) => (image: Buffer) => image.writeUInt32LE(value, at);
  const u64 = (at: number, value: bigint) => (image: Buffer) => image.writeBigUInt64LE(value, at);
  const cases: [string, (image: Buffer) => number, string][] = [
    [
      'of nothing',
      (image) => image.fill(0, 0, BLOCK).length,
      'byte 32: not thin metadata: its magic number is 0',
    ],
    ['of something else', u64(32, 1n << 60n), 'byte 32: not thin metadata: its magic number is 2^53 or more'],
    ['of elsewhere', u64(8, 3n), 'byte 8: a superblock that belongs in block 3'],
    ['of version 0', u32(40, 0), 'byte 40: thin metadata of version 0'],
    ['of version 3', u32(40, 3), 'byte 40: thin metadata of version 3'],
    ['with features', u32(360, 4), 'byte 360: thin metadata with features 4'],
    ['with other metadata blocks', u32(340, 16), 'byte 340: metadata blocks of 16 sectors'],
    ['with data blocks of nothing', u32(336, 0), 'byte 336: absurd data block size of 0 sectors'],
    ['with data blocks of 100 sectors', u32(336, 100), 'byte 336: absurd data block size of 100 sectors'],
    ['with data blocks of 2 GiB', u32(336, 1 << 22), 'byte 336: absurd data block size of 4194304 sectors'],
    ['with a root of 0', u64(320, 0n), 'byte 320: root 0 is block 0'],
    ['with a root outside', u64(328, 9999n), 'byte 328: root 9999 lies past the end of the device'],
    ['with a root far outside', u64(56, 1n << 63n), 'byte 56: root 2^53 or more lies past the end'],
  ];

  it.each(cases)('is refused: %s', (_, change, message) => {
    const { image } = build();
    change(image);
    sealSuperblock(image);
    const error = failure(image);
    expect(error.message).toContain(`tmeta.img: metadata block 0, ${message}`);
    expect(error.hint).toMatch(/\w+/);
  });

  it('is refused where the device is shorter than it', () => {
    expect(failure(Buffer.alloc(4095)).message).toContain('byte 0: not thin metadata: only 4095 bytes');
  });

  it('says so if it holds no metadata snapshot', () => {
    const act = () => differences(build().image, true);
    expect(act).toThrow('tmeta.img: metadata block 0, byte 56: holds no metadata snapshot');
  });

  it('is refused where the metadata snapshot is none', () => {
    const { image, shared } = build();
    image.writeBigUInt64LE(BigInt(shared), 56);
    sealSuperblock(image);
    expect(() => differences(image, true)).toThrow(
      `metadata block ${shared}, byte ${shared * BLOCK + 32}: not thin`,
    );
  });
});

describe('a node', () => {
  type Built = ReturnType<typeof build>;
  const refused = (block: (built: Built) => number, change: (node: Buffer, built: Built) => void): string => {
    const built = build();
    const at = block(built);
    change(built.image.subarray(at * BLOCK, (at + 1) * BLOCK), built);
    seal(built.image, at);
    const { message, hint } = failure(built.image);
    expect(hint).toMatch(/\w+/);
    expect(message).toContain(`tmeta.img: metadata block ${at}, byte `);
    return message;
  };
  const [leaf, root, top] = [
    ({ leaves }: Built) => leaves[0]!,
    ({ roots }: Built) => roots[0]!,
    (built: Built) => built.top,
  ];
  const u32 = (at: number, value: number) => (node: Buffer) => void node.writeUInt32LE(value, at);
  const u64 = (at: number, value: bigint) => (node: Buffer) => void node.writeBigUInt64LE(value, at);
  const firstValue = 32 + 8 * 126;

  it.each([
    ['belongs elsewhere', leaf, u64(8, 77n), 'a node that belongs in block 77'],
    ['is of no kind', leaf, u32(4, 3), 'a node with flags 3'],
    ['has more entries than room', leaf, u32(16, 127), '127 entries in a node for 126'],
    ['has more room than a block', leaf, u32(20, 255), "255 entries with values of 8 bytes don't fit a node"],
    ['has absurd room', leaf, u32(20, 0xffffffff), "4294967295 entries with values of 8 bytes don't fit"],
    ['has other values', leaf, u32(24, 4), 'values of 4 bytes, not 8'],
    ['is internal, with other values', root, u32(24, 4), 'an internal node with values of 4 bytes'],
    ['is internal and empty', root, u32(16, 0), 'an internal node without entries'],
    ['has a key twice', leaf, u64(40, 10n), 'key 10 follows key 10'],
    ['has keys out of order', leaf, u64(40, 9n), 'key 9 follows key 10'],
    ['has a key too large', leaf, u64(48, 1n << 53n), 'a key of 2^53 or more'],
    [
      'has a key below its bounds',
      leaf,
      u64(32, 9n),
      'key 9 is outside the bounds that its parents set, 10 to 100',
    ],
    ['has a key above its bounds', leaf, u64(48, 100n), 'key 100 is outside the bounds'],
    ['names block 0', root, u64(firstValue, 0n), 'block 0 is the superblock'],
    ['names a block outside', root, u64(firstValue, 4096n), 'block 4096 lies past the end of the device'],
    ['names a root outside', top, u64(firstValue, 1n << 60n), 'block 2^53 or more lies past the end'],
  ])('is refused where it %s', (_, block, change, message) => {
    expect(refused(block, change)).toContain(message);
  });

  it('is refused where it is its own child', () => {
    const message = refused(root, (node, { roots }) => {
      node.writeBigUInt64LE(BigInt(roots[0]!), firstValue);
    });
    expect(message).toContain('a B-tree of more than 32 levels: its nodes form a loop');
  });

  it('is refused where leaves are not all as deep', () => {
    const { image, roots, leaves, shared } = build();
    const root = roots[0]! * BLOCK;
    image.writeBigUInt64LE(BigInt(roots[1]!), root + firstValue + 8);
    seal(image, roots[0]!);
    expect(failure(image).message).toContain(`metadata block ${roots[1]!}, `);
    expect(failure(image).message).toContain('no leaf at their depth');
    expect([...leaves, shared]).toHaveLength(3);
  });

  it.each([
    ['one is to begin elsewhere', (one: number) => [[100, one]]],
    [
      'one is to end earlier',
      (one: number, two: number, three: number) => [
        [10, one],
        [15, three],
        [100, two],
      ],
    ],
  ])('is refused where both devices share it, but %s', (_, childrenOf) => {
    const builder = new MetadataBuilder();
    const leafOf = (begin: number, length: number) => {
      const keys = Array.from({ length }, (_, index) => begin + index);
      return builder.node(
        true,
        keys.map((key): Entry => [key, packMapping(key)]),
      );
    };
    const [one, two, three] = [leafOf(10, 10), leafOf(100, 5), leafOf(30, 1)];
    const rootOf = (children: readonly number[][]) =>
      builder.node(
        false,
        children.map(([key, block]): Entry => [key!, BigInt(block!)]),
      );
    const children = childrenOf(one, two, three);
    const image = builder.image(
      new Map([
        [
          1,
          rootOf([
            [10, one],
            [100, two],
          ]),
        ],
        [2, rootOf(children)],
      ]),
    );
    expect(failure(image).message).toContain(`metadata block ${one}, `);
    expect(failure(image).message).toContain('is outside the bounds that its parents set');
  });

  it('is not read where both devices share it', () => {
    const { image, shared } = build();
    image.fill(0xff, shared * BLOCK, (shared + 1) * BLOCK);
    expect(differences(image).runs).toEqual([{ kind: 'differ', begin: 10, length: 3 }]);
  });
});

describe('a device', () => {
  it('that the pool does not have is named, with those that it has', () => {
    const pool = openThinMetadata(memoryReader(build().image, 'tmeta.img'));
    for (const id of [0, 3, 2 ** 24 - 1]) {
      const act = () => thinDifference(pool, 1, id);
      expect(act).toThrow(LvmError);
      expect(act).toThrow(`tmeta.img: the pool has no thin device ${id}`);
      expect(act).toThrow(expect.objectContaining({ hint: 'it has 1, 2' }) as Error);
    }
  });

  it('is missing from a pool that has none', () => {
    const pool = openThinMetadata(memoryReader(new MetadataBuilder().image(new Map())));
    expect([...listThinDevices(pool)]).toEqual([]);
    expect(() => thinDifference(pool, 1, 2)).toThrow(
      expect.objectContaining({ hint: 'it has none at all' }) as Error,
    );
  });
});
