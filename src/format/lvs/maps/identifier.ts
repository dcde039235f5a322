import { DIGEST_SIZE } from '../../layout.js';

/** A stream's id: 16 bytes of a UUID, or the 32 bytes of the stream's digest (§5.2). */
export type StreamId = Uint8Array;

export const ID_SIZES = [16, DIGEST_SIZE] as const;

/** The id as people read it: a UUID with hyphens, or `sha256:` and hexadecimal digits. */
export function formatId(id: StreamId): string {
  const hex = formatHex(id);
  if (id.length === DIGEST_SIZE) return `sha256:${hex}`;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export function formatHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
