import { require, type Released } from './fault.js';

/** lvmsync streams (§3). */

/** What the user has said; see §13. */
export interface ReferenceOptions {
  readonly assume?: 'lvmsync2';
  readonly byteOrder?: 'big' | 'little';
  readonly units?: 'chunks' | 'bytes';
}

interface RecordHeader {
  readonly big: bigint;
  readonly little: bigint;
  readonly length: number;
}

const absurd = 2n ** 46n;
const offsetLimit = 2n ** 53n;
const chunkSize = 4096;

export function decodeLegacy(
  input: Uint8Array,
  version: number,
  start: number,
  options: ReferenceOptions,
  released: Released,
): void {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const headerSize = version === 1 ? 8 : 12;
  const headers = walk(view, version, start, headerSize);
  const { toOffset, chunkLength } = conclude(
    headers.filter(({ length }) => length > 0),
    version,
    options,
  );
  let at = start;
  for (const header of headers) {
    require(header.length > 0, 'empty-record', at);
    const offset = toOffset(header);
    require(offset + BigInt(header.length) < offsetLimit, 'offset-limit', at);
    require(chunkLength === undefined || header.length === chunkLength, 'ambiguous-units', at);
    const end = at + headerSize + header.length;
    require(end <= input.length, 'truncated-record', input.length);
    released.records.push({ offset: Number(offset), data: input.subarray(at + headerSize, end) });
    at = end;
  }
  require(at === input.length, 'truncated-header', input.length);
}

/** All record headers, up to the end, a header that is cut, or one with a length of 0, which is the last. */
function walk(view: DataView, version: number, start: number, headerSize: number): RecordHeader[] {
  const headers: RecordHeader[] = [];
  for (let position = start; position + headerSize <= view.byteLength;) {
    const big = view.getBigUint64(position);
    const little = view.getBigUint64(position, true);
    const length = version === 1 ? chunkSize : view.getUint32(position + 8);
    headers.push({ big, little, length });
    if (length === 0) break;
    position += headerSize + length;
  }
  return headers;
}

interface Conclusion {
  readonly toOffset: (header: RecordHeader) => bigint;
  /** The length that every record must have, so that chunk numbers which were concluded make sense. */
  readonly chunkLength?: number | undefined;
}

/** §3.3. */
function conclude(headers: readonly RecordHeader[], version: number, options: ReferenceOptions): Conclusion {
  const order = options.byteOrder ?? concludeOrder(headers, version);
  const value = (header: RecordHeader) => (order === 'big' ? header.big : header.little);
  const inChunks = (header: RecordHeader) => value(header) * BigInt(header.length);
  if (version === 1) return { toOffset: inChunks };
  if (version === 3) return { toOffset: value };
  if (options.units) return { toOffset: options.units === 'chunks' ? inChunks : value };
  const areBytes = headers.every((header) => value(header) % BigInt(header.length) === 0n);
  return areBytes ? { toOffset: value } : { toOffset: inChunks, chunkLength: headers[0]?.length };
}

function concludeOrder(headers: readonly RecordHeader[], version: number): 'big' | 'little' {
  const scale = version === 1 ? BigInt(chunkSize) : 1n;
  const isAbsurd = (order: 'big' | 'little') => (header: RecordHeader) =>
    header[order] * scale + BigInt(header.length) >= absurd;
  const [expected, other] = version === 3 ? (['big', 'little'] as const) : (['little', 'big'] as const);
  return headers.some(isAbsurd(expected)) && !headers.some(isAbsurd(other)) ? other : expected;
}
