import { expect, it } from 'vitest';
import { interrupted, takeBack, wayOutOfDamage } from '#src/chain/way-back.js';
import { nameOf } from '#src/cli/remedies.js';
import { DeviceError, formatSentence, type Sentence } from '#src/errors.js';

/** What there is to say of an apply that is ended in the middle. */

const device = '/dev/vg/lv';
const snapback = '/undo/of lv';
const command = `lvstream apply --salvage '${snapback}.partial' ${device}`;

const said = (sentence: Sentence) => formatSentence(sentence, nameOf);

it('the command that takes back what was written names the unfinished file, with what it needs besides', () => {
  expect(nameOf(takeBack(snapback, device))).toBe(command);
  expect(nameOf(takeBack('u', device, true))).toBe(
    `lvstream apply --salvage --skip-past-end u.partial ${device}`,
  );
});

it('of a stream that turns out to be damaged: a sound copy, or back', () => {
  const again = '12 bytes have been written; apply a sound copy of the stream again';
  expect(said(wayOutOfDamage({ device, written: 12, snapback: undefined }))).toBe(again);
  expect(said(wayOutOfDamage({ device, written: 12, snapback }))).toBe(
    `${again}, or take it back: ${command}`,
  );
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
    `the same command again finishes it, or take it back: ${command}`,
  ],
])('interrupted when %i bytes were written, with the snapback %s', (written, name, what, hint) => {
  const error = interrupted({ device, written, snapback: name });
  expect(error).toBeInstanceOf(DeviceError);
  expect([error.message, error.wayOut && said(error.wayOut)]).toEqual([`${device}: ${what}`, hint]);
});
