/** A plain version 3 stream in the words of the tests, which know nothing of `src/`. */
export interface PlainRecord {
  readonly offset: number;
  readonly data: Buffer;
}

const FIRST_LINE = 'lvmsync PROTO[3]\n';

/** The records of a whole version 3 stream. */
export function parsePlain(stream: Buffer): PlainRecord[] {
  if (stream.subarray(0, FIRST_LINE.length).toString() !== FIRST_LINE) throw new Error('no first line');
  const records: PlainRecord[] = [];
  for (let at = FIRST_LINE.length; at < stream.length;) {
    const length = stream.readUInt32BE(at + 8);
    const data = stream.subarray(at + 12, at + 12 + length);
    if (data.length < length) throw new Error(`cut at ${stream.length}`);
    records.push({ offset: Number(stream.readBigUInt64BE(at)), data });
    at += 12 + length;
  }
  return records;
}

/** A version 3 stream of these records. */
export function formatPlain(records: readonly PlainRecord[]): Buffer {
  const parts = records.flatMap(({ offset, data }) => {
    const header = Buffer.alloc(12);
    header.writeBigUInt64BE(BigInt(offset));
    header.writeUInt32BE(data.length, 8);
    return [header, data];
  });
  return Buffer.concat([Buffer.from(FIRST_LINE), ...parts]);
}

/** The image after the records have been written to it in order. */
export function applyPlain(image: Buffer, records: readonly PlainRecord[]): Buffer {
  const result = Buffer.from(image);
  for (const { offset, data } of records) data.copy(result, offset);
  return result;
}

/** What the records write, in ascending order and joined: the same of two streams that differ in order only. */
export function normalise(records: readonly PlainRecord[]): PlainRecord[] {
  const joined: { offset: number; parts: Buffer[]; end: number }[] = [];
  for (const { offset, data } of [...records].sort((a, b) => a.offset - b.offset)) {
    const last = joined.at(-1);
    if (last?.end === offset) {
      last.parts.push(data);
      last.end += data.length;
    } else joined.push({ offset, parts: [data], end: offset + data.length });
  }
  return joined.map(({ offset, parts }) => ({ offset, data: Buffer.concat(parts) }));
}
