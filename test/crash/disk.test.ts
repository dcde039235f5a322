import { describe, expect, test } from 'vitest';
import { cutPower, KEEP_ALL, KEEP_SYNCED, SECTOR, type Call, type Choices, type Disk } from './disk.js';

const FILE = 1;
const OTHER = 2;

const filled = (byte: number, length: number) => new Uint8Array(length).fill(byte);
const write = (byte: number, offset: number, length: number, file = FILE): Call => ({
  kind: 'write',
  file,
  offset,
  bytes: filled(byte, length),
});
const sync = (kind: 'fsync' | 'fdatasync' = 'fdatasync'): Call => ({ kind, file: FILE });

const before: Disk = { files: new Map([[FILE, filled(1, 2 * SECTOR)]]), names: new Map([['a', FILE]]) };
const contentAfter = (calls: Call[], choices: Choices) => cutPower(before, calls, choices).files.get(FILE)!;
const bytesAt = (content: Uint8Array, ...offsets: number[]) => offsets.map((offset) => content[offset]);
const namesAfter = (calls: Call[], kept: number) =>
  Object.fromEntries(cutPower(before, calls, { ...KEEP_ALL, names: () => kept }).names);

describe('what a file holds', () => {
  test('what no sync saw is gone, or there', () => {
    const calls = [write(2, 0, SECTOR), sync(), write(3, SECTOR, SECTOR)];
    expect(bytesAt(contentAfter(calls, KEEP_SYNCED), 0, SECTOR)).toEqual([2, 1]);
    expect(bytesAt(contentAfter(calls, KEEP_ALL), 0, SECTOR)).toEqual([2, 3]);
  });

  test('of one write, a later sector is there without the first', () => {
    const last: Choices = { ...KEEP_ALL, file: () => (count, place) => (place > 0 ? count - 1 : 0) };
    const content = contentAfter([write(2, 0, 2 * SECTOR)], last);
    expect(bytesAt(content, SECTOR - 1, SECTOR)).toEqual([1, 2]);
  });

  test('a sector that was written twice has one of three contents', () => {
    const calls = [write(2, 0, 100), write(3, 100, 100)];
    const versions = [0, 1, 2].map((version) =>
      bytesAt(
        contentAfter(calls, { ...KEEP_ALL, file: () => (count) => Math.min(version, count - 1) }),
        99,
        100,
      ),
    );
    expect(versions).toEqual([
      [1, 1],
      [2, 1],
      [2, 3],
    ]);
  });

  test('a size is there, and the data before it is not', () => {
    const onlySize: Choices = { ...KEEP_ALL, file: () => (count, place) => (place === 1 ? count - 1 : 0) };
    const content = contentAfter([write(2, 2 * SECTOR, SECTOR)], onlySize);
    expect(content.length).toBe(3 * SECTOR);
    expect(bytesAt(content, 2 * SECTOR)).toEqual([0]);
  });

  test('a cut that no sync saw can be undone', () => {
    const calls: Call[] = [{ kind: 'truncate', file: FILE, size: 10 }];
    expect(contentAfter(calls, KEEP_ALL)).toEqual(filled(1, 10));
    expect(contentAfter(calls, KEEP_SYNCED)).toEqual(filled(1, 2 * SECTOR));
  });

  test.each([
    ['fdatasync', 1],
    ['fsync', 0],
  ] as const)('a punched hole behind %s reads as %i', (kind, byte) => {
    const calls: Call[] = [{ kind: 'punch', file: FILE, offset: 0, length: SECTOR }, sync(kind)];
    expect(bytesAt(contentAfter(calls, KEEP_SYNCED), 0)).toEqual([byte]);
  });

  test('a sync of another file keeps nothing', () => {
    const calls: Call[] = [write(2, 0, SECTOR), { kind: 'fsync', file: OTHER }];
    expect(bytesAt(contentAfter(calls, KEEP_SYNCED), 0)).toEqual([1]);
  });
});

describe('which names there are', () => {
  const give: Call[] = [
    { kind: 'link', from: 'a', to: 'b' },
    { kind: 'unlink', name: 'a' },
  ];

  test('the first few of what the folder was not synced behind', () => {
    expect(namesAfter(give, 0)).toEqual({ a: FILE });
    expect(namesAfter(give, 1)).toEqual({ a: FILE, b: FILE });
    expect(namesAfter(give, 2)).toEqual({ b: FILE });
  });

  test('all that the folder was synced behind', () => {
    const calls: Call[] = [...give, { kind: 'fsync-folder' }, { kind: 'rename', from: 'b', to: 'c' }];
    expect(namesAfter(calls, 0)).toEqual({ b: FILE });
    expect(namesAfter(calls, 1)).toEqual({ c: FILE });
  });

  test('a new file that was synced, and its folder not, is gone', () => {
    const calls: Call[] = [{ kind: 'create', name: 'new', file: OTHER }, write(2, 0, 10, OTHER)];
    const after = cutPower(before, [...calls, { kind: 'fsync', file: OTHER }], KEEP_SYNCED);
    expect([...after.files.keys()]).toEqual([FILE]);
    expect(namesAfter(calls, 1)).toEqual({ a: FILE, new: OTHER });
  });
});
