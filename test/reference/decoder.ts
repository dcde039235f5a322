import { decodeContainer } from './container.js';
import { ReferenceFault, require, type Released } from './fault.js';
import { decodeLegacy, type ReferenceOptions } from './legacy.js';
import type { MsgpackMap } from './msgpack.js';

/**
 * A decoder of whole inputs, written from `spec/lvstream.md` alone: it shares no code with `src/`. It favours
 * being plainly right over being fast.
 */

export type { ReferenceOptions } from './legacy.js';
export { ReferenceFault, type ReferenceRecord } from './fault.js';
export { toJson } from './msgpack.js';

export type ReferenceFormat = 'lvs' | 'lvmsync1' | 'lvmsync2' | 'lvmsync3';

export interface Decoded extends Released {
  readonly format: ReferenceFormat;
  readonly header?: MsgpackMap;
  readonly closing?: MsgpackMap;
}

const containerMagic = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18);
const lineStart = 'lvmsync PROTO[';
const versions = [1, 2, 3] as const;
type LegacyVersion = (typeof versions)[number];

/**
 * Decodes a whole input. Throws {@link ReferenceFault} with the fault and position that §4.8 and §3.4 give, and
 * with what had been released before it.
 */
export function decode(input: Uint8Array, options: ReferenceOptions = {}): Decoded {
  const released: Released = { records: [], ranges: [] };
  try {
    if (isContainer(input)) return { format: 'lvs', ...released, ...decodeContainer(input, released) };
    const { version, start } = recognise(input, options);
    decodeLegacy(input, version, start, options, released);
    return { format: `lvmsync${version}`, ...released };
  } catch (error) {
    if (error instanceof ReferenceFault) {
      error.released.records.push(...released.records);
      error.released.ranges.push(...released.ranges);
    }
    throw error;
  }
}

function isContainer(input: Uint8Array): boolean {
  return startOf(input).equals(containerMagic);
}

function startOf(input: Uint8Array): Buffer {
  return Buffer.from(input.subarray(0, containerMagic.length));
}

/** §2: which lvmsync stream, and where its records begin. */
function recognise(
  input: Uint8Array,
  { assume }: ReferenceOptions,
): { version: LegacyVersion; start: number } {
  const text = Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString('latin1');
  const line = /^lvmsync PROTO\[([0-9]{1,8})\]([\n ])/.exec(text);
  if (line) {
    require(line[2] === '\n', 'foreign-stream', 0);
    const version = versions.find((known) => String(known) === line[1]);
    require(version !== undefined, 'unknown-version', 0);
    return { version, start: line[0].length };
  }
  if (assume === 'lvmsync2') return { version: 2, start: 0 };
  require(input.length > 0, 'not-a-stream', 0);
  const isCut =
    startOf(input).equals(containerMagic.subarray(0, input.length)) ||
    lineStart.startsWith(text) ||
    /^lvmsync PROTO\[[0-9]{0,8}$|^lvmsync PROTO\[[0-9]{1,8}\]$/.test(text);
  require(!isCut, 'truncated', input.length);
  throw new ReferenceFault('not-a-stream', 0);
}
