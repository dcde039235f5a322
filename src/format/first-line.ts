import { FIRST_LINE } from './layout.js';

/** The first line as it stands in a plain stream. */
export const FIRST_LINE_BYTES: Uint8Array = Uint8Array.from(FIRST_LINE, (letter) => letter.charCodeAt(0));

/** XXH64 of the first line, its low 4 bytes. */
const CHECKSUM = [0xf9, 0xdb, 0xf8, 0xce];

/** The first line's frame, the same in every file (§4.3): single segment, checksum, one raw block of 17 bytes. */
export const FIRST_LINE_FRAME: Uint8Array = Uint8Array.of(
  ...[0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x11, 0x89, 0x00, 0x00],
  ...FIRST_LINE_BYTES,
  ...CHECKSUM,
);
