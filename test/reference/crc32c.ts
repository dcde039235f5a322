const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc;
});

/** CRC-32C as §1 defines it. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
}

/** Whether a whole skippable frame ends with the CRC-32C of what comes before it (§4.1). */
export function isSealed(frame: Buffer): boolean {
  return frame.readUInt32LE(frame.length - 4) === crc32c(frame.subarray(0, -4));
}
