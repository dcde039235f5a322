import { DeviceError } from '../errors.js';
import { shellWord } from '../files/shell-word.js';
import { partialPath } from './partial-file.js';

/**
 * The command that takes back what has been written while `snapback` was begun, as its unfinished file recorded it.
 * `options`: what the command needs besides.
 */
export function takeBackCommand(snapback: string, device: string, options: readonly string[] = []): string {
  const words = ['lvstream apply --salvage', ...options, shellWord(partialPath(snapback)), shellWord(device)];
  return words.join(' ');
}

/** What an apply that is ended in the middle has left: so many bytes of the stream are on the device. */
export interface Unfinished {
  readonly device: string;
  readonly written: number;
  /** The file that the snapback was to become. */
  readonly snapback: string | undefined;
}

/** What to do when a stream that is being written turns out to be damaged. */
export function wayOutOfDamage(unfinished: Unfinished): string {
  const again = `${unfinished.written} bytes have been written; apply a sound copy of the stream again`;
  return withTakeBack(again, unfinished);
}

/** What there is to say of an apply that is interrupted. */
export function interrupted(unfinished: Unfinished): DeviceError {
  const { device, written, snapback } = unfinished;
  if (written === 0) return new DeviceError(`${device}: interrupted before it was written to`);
  const again = 'the same command again finishes it';
  const hint = snapback === undefined ? `${again}; what was there before is saved nowhere` : again;
  return new DeviceError(
    `${device}: interrupted, ${written} bytes of the stream are written, the rest is not`,
    {
      hint: withTakeBack(hint, unfinished),
    },
  );
}

function withTakeBack(again: string, { device, snapback }: Unfinished): string {
  return snapback === undefined ? again : `${again}, or take it back: ${takeBackCommand(snapback, device)}`;
}
