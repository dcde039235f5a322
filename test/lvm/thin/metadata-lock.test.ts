import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MetadataNote, takeMetadataLock } from '#src/lvm/thin/metadata-lock.js';

let folder: string;
beforeEach(() => (folder = path.join(mkdtempSync(path.join(tmpdir(), 'lvstream-lock-')), 'run')));
afterEach(() => rmSync(path.dirname(folder), { recursive: true }));

const take = () => takeMetadataLock('pool', folder);
const file = () => path.join(folder, readdirSync(folder)[0]!);

const notes: MetadataNote[] = [
  { state: 'reserving', transactionId: 3 },
  { state: 'held', transactionId: 3, heldRoot: 2 ** 40 },
  { state: 'releasing', transactionId: 4, heldRoot: 5 },
];

describe('the lock of a pool', () => {
  it('is taken by one at a time', () => {
    const lock = take()!;
    expect(take()).toBeUndefined();
    expect(takeMetadataLock('other', folder)).toBeDefined();
    lock.close();
    expect(take()).toBeDefined();
  });

  it("is root's alone", () => {
    take();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it.each(notes)('keeps the last note for whoever comes next: $state', (note) => {
    const lock = take()!;
    expect(lock.readNote()).toBeUndefined();
    for (const each of notes) lock.writeNote(each);
    lock.writeNote(note);
    expect(lock.readNote()).toEqual(note);
    lock.close();
    const next = take()!;
    expect(next.readNote()).toEqual(note);
    next.writeNote(undefined);
    expect(next.readNote()).toBeUndefined();
    expect(statSync(file()).size).toBe(0);
  });

  it('replaces a note with one write of the same size', () => {
    const lock = take()!;
    const sizes = notes.map((note) => {
      lock.writeNote(note);
      return statSync(file()).size;
    });
    expect(new Set(sizes).size).toBe(1);
  });

  it.each([
    ['without a state', (text: string) => text.replace('state', 'stale')],
    ['that is half', (text: string) => text.slice(0, 20)],
    ['that is garbage', () => '\0'.repeat(256)],
    ['that is null', () => 'null'],
  ])('knows no note %s', (_, spoil) => {
    const lock = take()!;
    lock.writeNote(notes[1]);
    writeFileSync(file(), spoil(readFileSync(file(), 'utf8')));
    expect(lock.readNote()).toBeUndefined();
  });
});
