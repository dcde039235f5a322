import type { OpenChanges } from '../../changes/changes.js';
import { formatSentence, type Sentence } from '../../errors.js';
import type { StreamInput } from '../../files/open-input.js';
import type { ChangeStream } from '../../format/open-stream.js';
import { nameOf } from '../remedies.js';
import { visible } from './visible.js';

/** Says something that is no error on standard error. */
export function remark(text: Sentence, { quiet = false }: { readonly quiet?: boolean | undefined }): void {
  if (!quiet) process.stderr.write(`lvstream: ${visible(formatSentence(text, nameOf))}\n`);
}

/** Reads changes, and says what there is to know of them: what is known beforehand, and what is found at their end. */
export async function remarking<T>(
  changes: Pick<OpenChanges, 'remarks'>,
  say: (text: Sentence) => void,
  read: () => Promise<T>,
): Promise<T> {
  const before = [...changes.remarks];
  before.forEach(say);
  const result = await read();
  changes.remarks.slice(before.length).forEach(say);
  return result;
}

/** How a legacy stream is read, where that had to be concluded; undefined of the formats of today. */
export function describeDialect({ dialect }: ChangeStream): string | undefined {
  if (!dialect) return undefined;
  const { version, byteOrder, units } = dialect;
  if (version === 3 && byteOrder === 'big') return undefined;
  const counted = version === 2 ? `, offsets in ${units}` : '';
  return `version ${version}, ${byteOrder}-endian${counted}`;
}

/** Says how a legacy stream is read, and how to have it read otherwise. */
export function remarkDialect(
  { name }: StreamInput,
  stream: ChangeStream,
  options: { quiet?: boolean | undefined },
): void {
  const dialect = describeDialect(stream);
  if (dialect === undefined) return;
  remark(`${name}: read as ${dialect} (--byte-order and --units read it otherwise)`, options);
}
