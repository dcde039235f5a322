import { DeviceError, sentence, type Remedy, type Sentence } from '../errors.js';
import { partialPath } from './partial-file.js';

/**
 * What takes back what has been written while `snapback` was begun, as its unfinished file saved it. `skipPastEnd`: it
 * saved what is past the device's end by now.
 */
export function takeBack(snapback: string, device: string, skipPastEnd = false): Remedy {
  return { name: 'take-back', stream: partialPath(snapback), device, skipPastEnd };
}

/** What an apply that is ended in the middle has left: so many bytes of the stream are on the device. */
export interface Unfinished {
  readonly device: string;
  readonly written: number;
  /** The file that the snapback was to become. */
  readonly snapback: string | undefined;
}

/** What to do when a stream that is being written turns out to be damaged. */
export function wayOutOfDamage(unfinished: Unfinished): Sentence {
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

function withTakeBack(again: string, { device, snapback }: Unfinished): Sentence {
  if (snapback === undefined) return again;
  return sentence`${again}, or take it back: ${takeBack(snapback, device)}`;
}
