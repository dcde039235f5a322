/** Other projects' change formats, in the words of the tests, which know nothing of `src/`. */

/** A record of data, or of so many zeros. */
export type OtherRecord = { readonly offset: number } & (
  { readonly data: Uint8Array } | { readonly zeros: number }
);

export interface RbdNames {
  readonly from?: string;
  readonly to?: string;
  readonly size?: number;
  readonly isProtected?: boolean;
}

export interface RbdDiff extends RbdNames {
  readonly records: readonly OtherRecord[];
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

export const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

export const u64Big = (value: number | bigint): Buffer => Buffer.from(u64(value)).reverse();

/** A record of a diff: its tag and what stands behind it. */
export function rbdRecord(version: 1 | 2, tag: string, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(tag), ...(version === 2 ? [u64(body.length)] : []), body]);
}

/** The records that say what a diff is of, in the order of `rbd export-diff`. */
export function rbdNames(version: 1 | 2, { from, to, size, isProtected }: RbdNames): Buffer {
  const name = (tag: string, text: string | undefined) =>
    text === undefined ? [] : [rbdRecord(version, tag, u32(Buffer.byteLength(text)), Buffer.from(text))];
  return Buffer.concat([
    ...name('f', from),
    ...name('t', to),
    ...(isProtected === undefined ? [] : [rbdRecord(version, 'p', Buffer.of(isProtected ? 1 : 0))]),
    ...(size === undefined ? [] : [rbdRecord(version, 's', u64(size))]),
  ]);
}

export function rbdData(version: 1 | 2, record: OtherRecord): Buffer {
  const { offset } = record;
  if ('data' in record) return rbdRecord(version, 'w', u64(offset), u64(record.data.length), record.data);
  return rbdRecord(version, 'z', u64(offset), u64(record.zeros));
}

/** A diff as its parts, so that a test knows where each record begins. */
export function rbdParts(version: 1 | 2, { records, ...names }: RbdDiff): Buffer[] {
  return [
    Buffer.concat([Buffer.from(`rbd diff v${version}\n`), rbdNames(version, names)]),
    ...records.map((record) => rbdData(version, record)),
    Buffer.from('e'),
  ];
}

/** Reads a whole diff. Throws where it is none. */
export function parseRbd(input: Buffer): RbdDiff & { readonly version: 1 | 2 } {
  const [, digit] = /^rbd diff v([12])\n/.exec(input.subarray(0, 12).toString('latin1')) ?? [];
  if (digit === undefined) throw new Error('no banner');
  const version = digit === '1' ? 1 : 2;
  const records: OtherRecord[] = [];
  let names: { from?: string; to?: string; size?: number; isProtected?: boolean } = {};
  for (let at = 12; ;) {
    const tag = String.fromCharCode(input.readUInt8(at));
    if (tag === 'e') {
      if (at + 1 !== input.length) throw new Error('bytes behind the end');
      return { version, ...names, records };
    }
    const start = at + (version === 2 ? 9 : 1);
    const { size, ...found } = parseRbdRecord(input.subarray(start), tag);
    if (version === 2 && input.readBigUInt64LE(at + 1) !== BigInt(size)) throw new Error(`length of ${tag}`);
    if ('record' in found) records.push(found.record);
    else if (records.length > 0) throw new Error(`${tag} behind data`);
    else names = { ...names, ...found.names };
    at = start + size;
  }
}

function parseRbdRecord(
  body: Buffer,
  tag: string,
): { size: number } & ({ names: RbdNames } | { record: OtherRecord }) {
  if (tag === 'f' || tag === 't') {
    const end = 4 + body.readUInt32LE(0);
    const name = body.subarray(4, end).toString();
    return { size: end, names: tag === 'f' ? { from: name } : { to: name } };
  }
  if (tag === 'p') return { size: 1, names: { isProtected: body.readUInt8(0) !== 0 } };
  if (tag === 's') return { size: 8, names: { size: Number(body.readBigUInt64LE(0)) } };
  const [offset, length] = [Number(body.readBigUInt64LE(0)), Number(body.readBigUInt64LE(8))];
  if (tag === 'z') return { size: 16, record: { offset, zeros: length } };
  if (tag !== 'w' || body.length < 16 + length) throw new Error(`a record ${tag} that is none, or is cut`);
  return { size: 16 + length, record: { offset, data: body.subarray(16, 16 + length) } };
}

const MAGIC = { '1.1': 0x24c4f02aae2e4fa9n, '1.0': 0xca7f00d5de7ec7edn };

/** A chunk of thin-send-recv. */
export function thinChunk(
  release: '1.0' | '1.1',
  command: number,
  offset: number | bigint,
  length: number | bigint,
  data: Uint8Array = Buffer.alloc(0),
): Buffer {
  const end = Buffer.alloc(4);
  end.writeUInt32BE(command);
  return Buffer.concat([u64Big(MAGIC[release]), u64Big(offset), u64Big(length), end, data]);
}

export function thinRecord(release: '1.0' | '1.1', record: OtherRecord): Buffer {
  const { offset } = record;
  if ('data' in record) return thinChunk(release, 0, offset, record.data.length, record.data);
  return thinChunk(release, 1, offset, record.zeros);
}

/** A stream of thin-send-recv as its parts; `extra`: chunks in it that are neither data nor unmaps. */
export function thinParts(release: '1.0' | '1.1', records: readonly OtherRecord[], extra = 0): Buffer[] {
  const chunks = records.map((record) => thinRecord(release, record));
  if (release === '1.0') return chunks;
  const data = records.filter((record) => 'data' in record).length;
  const counts = Buffer.concat([chunks.length + 2 + extra, data, chunks.length - data].map(u64Big));
  return [thinChunk('1.1', 2, 0, 0), ...chunks, thinChunk('1.1', 3, 0, 24, counts)];
}

/** Reads a whole stream of release 1.1. Throws where it is none. */
export function parseThin(input: Buffer): OtherRecord[] {
  const records: OtherRecord[] = [];
  for (let at = 0, chunks = 1; ; chunks += 1) {
    if (input.readBigUInt64BE(at) !== MAGIC['1.1']) throw new Error(`no magic at ${at}`);
    const [offset, length] = [Number(input.readBigUInt64BE(at + 8)), Number(input.readBigUInt64BE(at + 16))];
    const command = input.readUInt32BE(at + 24);
    if ((command === 2) !== (chunks === 1)) throw new Error(`a beginning at ${at}, or none`);
    at += 28;
    if (command === 3) {
      const data = records.filter((record) => 'data' in record).length;
      const counted = [chunks, data, records.length - data];
      const told = counted.map((_, i) => Number(input.readBigUInt64BE(at + 8 * i)));
      if (offset !== 0 || length !== 24 || at + 24 !== input.length || String(told) !== String(counted))
        throw new Error(`an end that says ${String(told)}, behind ${String(counted)}`);
      return records;
    }
    if (command === 0) {
      if (input.length < at + length) throw new Error('cut');
      records.push({ offset, data: input.subarray(at, at + length) });
      at += length;
    }
    if (command === 1) records.push({ offset, zeros: length });
    if (command > 3) throw new Error(`command ${command}`);
  }
}

/** What the records write, as records of data. */
export function asData(records: readonly OtherRecord[]): { offset: number; data: Uint8Array }[] {
  return records.map((record) => ({
    offset: record.offset,
    data: 'data' in record ? record.data : new Uint8Array(record.zeros),
  }));
}
