import { randomUUID } from 'node:crypto';

/** The 16 bytes of a new random UUID. */
export function randomId(): Uint8Array {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
}
