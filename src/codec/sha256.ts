import { createHash, hash } from 'node:crypto';
import type { Sha256 } from '../format/frame-codec.js';

/** SHA-256 of the bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  // Asked for bytes, Node allocates a buffer outside its heap for each digest, of which there are millions.
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1');
}

/** Writes the first `length` bytes of the SHA-256 of the bytes into `target` at `position`. */
export function sha256Into(bytes: Uint8Array, target: Uint8Array, position: number, length: number): void {
  const digest = hash('sha256', bytes, 'binary');
  for (let i = 0; i < length; i++) target[position + i] = digest.charCodeAt(i);
}

/** A SHA-256 that is fed in pieces. */
export function startSha256(): Sha256 {
  const running = createHash('sha256');
  return {
    update: (bytes) => {
      running.update(bytes);
    },
    digest: () => running.digest(),
  };
}
