import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MappedDevice } from '#src/device/device-mapper.js';
import { readText } from '#src/device/kernel-files.js';
import { DeviceError } from '#src/errors.js';
import { type ActivationNote, inTurn, isNoted, openActivationNote } from '#src/lvm/thin/activation-note.js';

const uuid = 'aaaaaa-bbbb';
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'activation-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const deviceOf = (number: string): MappedDevice => ({
  ...{ name: 'vg-snap', uuid: 'LVM-', path: '/dev/mapper/vg-snap', number },
  ...{ openCount: 0, suspended: false, readOnly: false },
});

/** Two block devices of this host, whatever they are. */
const [first, second] = readdirSync('/sys/block')
  .filter((name) => readText(`/sys/block/${name}/diskseq`) !== undefined)
  .map((name) => deviceOf(readText(`/sys/block/${name}/dev`)!)) as [MappedDevice, MappedDevice];

const withNote = <T>(act: (note: ActivationNote) => T): T => {
  const note = openActivationNote(uuid, folder);
  try {
    return act(note);
  } finally {
    note.close();
  }
};

describe('the note of who activated a volume', () => {
  it('says nothing until it is written', () => {
    expect(isNoted(uuid, folder)).toBe(false);
    expect(withNote((note) => note.isAbout(first))).toBe(false);
    expect(isNoted(uuid, folder)).toBe(true);
  });

  it('is about any device while the volume is being activated, and then about one', () => {
    withNote((note) => {
      note.write();
    });
    expect(withNote((note) => [note.isAbout(first), note.isAbout(second)])).toEqual([true, true]);
    withNote((note) => {
      note.write(first);
    });
    expect(withNote((note) => [note.isAbout(first), note.isAbout(second)])).toEqual([true, false]);
  });

  it('is about no device where the kernel does not tell it from an earlier one', () => {
    withNote((note) => {
      note.write(deviceOf('999:999'));
    });
    expect(withNote((note) => note.isAbout(deviceOf('999:999')))).toBe(false);
  });

  it('is as long whatever it says, so that a later one leaves nothing of an earlier one', () => {
    const lengths = [undefined, first, undefined].map((mapped) => {
      withNote((note) => {
        note.write(mapped);
      });
      return readFileSync(path.join(folder, `active-${uuid}.lock`)).length;
    });
    expect(new Set(lengths).size).toBe(1);
    expect(withNote((note) => note.isAbout(second))).toBe(true);
  });

  it('is had by several, of whom one is the last', () => {
    const [one, other] = [openActivationNote(uuid, folder), openActivationNote(uuid, folder)];
    expect([one.isAlone(), other.isAlone()]).toEqual([false, false]);
    one.close();
    expect(other.isAlone()).toBe(true);
    const third = openActivationNote(uuid, folder);
    expect(third.isAlone()).toBe(false);
    third.close();
    other.remove();
    other.close();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('the turn to activate a volume', () => {
  const turn = <T>(act: (fd: number) => T, patienceMs = 100): T => inTurn(uuid, patienceMs, act, folder);

  it('is for one at a time, and leaves nothing', () => {
    expect(() => turn(() => turn(() => 'both'))).toThrow(DeviceError);
    expect(turn(() => inTurn('other', 100, () => 'another volume', folder))).toBe('another volume');
    expect(turn(() => 'alone')).toBe('alone');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is given back by what throws', () => {
    expect(() =>
      turn(() => {
        throw new Error('on purpose');
      }),
    ).toThrow('on purpose');
    expect(turn(() => 'next')).toBe('next');
  });

  it('lasts as long as a program that inherits it, while there is a note', async () => {
    const note = openActivationNote(uuid, folder);
    const child = turn((fd) => spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', fd] }));
    expect(() => turn(() => 'too early')).toThrow(`turn-${uuid}.lock: another lvstream`);
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
    expect(turn(() => 'now', 5000)).toBe('now');
    note.close();
  });
});
