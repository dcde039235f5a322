import { expect, it } from 'vitest';
import { readFileIndex } from '#src/format/lvs/file-index.js';
import { codec, lvsFile } from '../../streams.js';

/** A page of several, as the reader of an index finds it that reads no frames. */

const file = await lvsFile(
  Array.from({ length: 2100 }, (_, i) => ({ kind: 'zeros', ranges: [{ offset: i * 4096, length: 4096 }] })),
);

async function countPages(otherDigest: boolean): Promise<number> {
  const readAt = async (target: Uint8Array, position: number) =>
    target.set(file.subarray(position, position + target.length));
  const hash = (bytes: Uint8Array) => codec.sha256(otherDigest ? Buffer.from('others') : bytes);
  const index = await readFileIndex({ size: file.length, readAt }, { ...codec, sha256: hash });
  let count = 0;
  for await (const _ of index.pages()) count += 1;
  return count;
}

it('refuses an index page that does not match its digest in the table', async () => {
  expect(await countPages(false)).toBeGreaterThan(1);
  await expect(countPages(true)).rejects.toThrow('an index page does not match its digest');
});
