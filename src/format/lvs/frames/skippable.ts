import { crc32c } from '../../crc32c.js';
import { CRC_SIZE, SKIPPABLE_FIRST, SKIPPABLE_HEADER_SIZE, SKIPPABLE_LAST } from '../../layout.js';
import { viewOf } from '../../view.js';

export function isSkippable(magic: number): boolean {
  return magic >= SKIPPABLE_FIRST && magic <= SKIPPABLE_LAST;
}

/** A skippable frame of the container: magic, size, `body`, CRC-32C (§4.1). */
export function sealFrame(magic: number, ...body: readonly Uint8Array[]): Uint8Array {
  const size = body.reduce((sum, part) => sum + part.length, 0) + CRC_SIZE;
  const frame = new Uint8Array(SKIPPABLE_HEADER_SIZE + size);
  const view = viewOf(frame);
  view.setUint32(0, magic, true);
  view.setUint32(4, size, true);
  let position = SKIPPABLE_HEADER_SIZE;
  for (const part of body) {
    frame.set(part, position);
    position += part.length;
  }
  view.setUint32(position, crc32c(frame.subarray(0, position)), true);
  return frame;
}

/** Whether a whole skippable frame ends with the CRC-32C of what comes before it (§4.1). */
export function isSealed(frame: Uint8Array): boolean {
  const end = frame.length - CRC_SIZE;
  return (
    end >= SKIPPABLE_HEADER_SIZE && viewOf(frame).getUint32(end, true) === crc32c(frame.subarray(0, end))
  );
}
