/** CRC-32C as §1 defines it. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

/** Whether a whole skippable frame ends with the CRC-32C of what comes before it (§4.1). */
export function isSealed(frame: Buffer): boolean {
  return frame.readUInt32LE(frame.length - 4) === crc32c(frame.subarray(0, -4));
}
