import { createHash } from 'node:crypto';

const BLOCK = 1 << 16;
const zeros = Buffer.alloc(BLOCK);
const zeroBlock = createHash('sha256').update(zeros).digest();

/** The stream digest (§5.1), fed front to back. */
export class StreamHash {
  size = 0;
  readonly #outer = createHash('sha256');
  #block = createHash('sha256');

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + BLOCK - (this.size % BLOCK));
      this.#block.update(bytes.subarray(at, end));
      this.#advance(end - at);
      at = end;
    }
  }

  updateZeros(length: number): void {
    for (let rest = length; rest > 0;) {
      if (this.size % BLOCK === 0 && rest >= BLOCK) {
        this.#outer.update(zeroBlock);
        this.size += BLOCK;
        rest -= BLOCK;
      } else {
        const part = Math.min(rest, BLOCK - (this.size % BLOCK));
        this.update(zeros.subarray(0, part));
        rest -= part;
      }
    }
  }

  digest(): Uint8Array {
    const outer = this.#outer.copy();
    if (this.size % BLOCK > 0) outer.update(this.#block.copy().digest());
    return Uint8Array.from(outer.digest());
  }

  #advance(length: number): void {
    this.size += length;
    if (this.size % BLOCK > 0) return;
    this.#outer.update(this.#block.digest());
    this.#block = createHash('sha256');
  }
}

const digests = new Map<number, string>();

/** SHA-256 of so many zeros, in hexadecimal; each length is computed once. */
export function zerosDigest(length: number): string {
  const known = digests.get(length) ?? hashZeros(length);
  digests.set(length, known);
  return known;
}

function hashZeros(length: number): string {
  const hash = createHash('sha256');
  for (let rest = length; rest > 0; rest -= BLOCK) hash.update(zeros.subarray(0, Math.min(rest, BLOCK)));
  return hash.digest('hex');
}
