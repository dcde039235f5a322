import { expect, it } from 'vitest';
import { interrupted, takeBackCommand, wayOutOfDamage } from '#src/chain/way-back.js';
import { DeviceError } from '#src/errors.js';

/** What there is to say of an apply that is ended in the middle. */

const device = '/dev/vg/lv';
const snapback = '/undo/of lv';
const takeBack = `lvstream apply --salvage '${snapback}.partial' ${device}`;

it('the command that takes back what was written names the unfinished file, with what it needs besides', () => {
  expect(takeBackCommand(snapback, device)).toBe(takeBack);
  expect(takeBackCommand('u', device, ['--skip-past-end'])).toBe(
    `lvstream apply --salvage --skip-past-end u.partial ${device}`,
  );
});

it('of a stream that turns out to be damaged: a sound copy, or back', () => {
  const again = '12 bytes have been written; apply a sound copy of the stream again';
  expect(wayOutOfDamage({ device, written: 12, snapback: undefined })).toBe(again);
  expect(wayOutOfDamage({ device, written: 12, snapback })).toBe(`${again}, or take it back: ${takeBack}`);
});

it.each([
  [0, undefined, 'interrupted before it was written to', undefined],
  [0, snapback, 'interrupted before it was written to', undefined],
  [
    1,
    undefined,
    'interrupted, 1 bytes of the stream are written, the rest is not',
    'the same command again finishes it; what was there before is saved nowhere',
  ],
  [
    1,
    snapback,
    'interrupted, 1 bytes of the stream are written, the rest is not',
    `the same command again finishes it, or take it back: ${takeBack}`,
  ],
])('interrupted when %i bytes were written, with the snapback %s', (written, name, what, hint) => {
  const error = interrupted({ device, written, snapback: name });
  expect(error).toBeInstanceOf(DeviceError);
  expect([error.message, error.hint]).toEqual([`${device}: ${what}`, hint]);
});
