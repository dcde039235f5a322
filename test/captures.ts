import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { decompress } from 'zstd-napi';

/** The captured snapshots of `fixtures/captures`; its README says what each case is. */

/** What the tests use of a `manifest.json`; offsets, sizes and lengths are bytes. */
export interface Manifest {
  readonly images_sha256: Readonly<Record<string, string>>;
  readonly origin_size: number;
  readonly chunk_size: number;
  /** Thick: the exceptions in the order of the list. */
  readonly cow: { readonly chunk_size: number; readonly exceptions: readonly (readonly [number, number])[] };
  /** What the table or the mappings name, joined, not clipped to the origin. */
  readonly recorded_extents: readonly (readonly [number, number])[];
}

/** Thick, valid, with both images. */
export const thickCases = [
  'a',
  'a-buffered',
  'a-reactivated',
  'b-last',
  'b-middle',
  'c',
  'd',
  'd-stale255',
  'h-merging',
  'h-unchanged',
  'i',
  'j',
] as const;

/** Thick, overflowed: no snapshot image. */
export const invalidCases = ['g', 'g-reactivated', 'g-snapfull'] as const;

/** Thin, with both images. */
export const thinCases = ['e', 'f', 'f-s2', 'f-shared', 'k', 'k-discard'] as const;

const root = fileURLToPath(new URL('../fixtures/captures', import.meta.url));
const contents = new Map<string, Buffer>();

const packed = (name: string, file: string): string => path.join(root, name, `${file}.zst`);

export function hasCapture(name: string, file: string): boolean {
  return existsSync(packed(name, file));
}

/** The bytes of a file of a case, such as `cow.img` or `ruby.stream`. A copy: the caller may change it. */
export function readCapture(name: string, file: string): Buffer {
  const key = `${name}/${file}`;
  const bytes = contents.get(key) ?? decompress(readFileSync(packed(name, file)));
  contents.set(key, bytes);
  return Buffer.from(bytes);
}

/** The same as a temporary file of its own, removed with all that the tests leave. The caller may change it. */
export function captureFile(name: string, file: string): string {
  const copy = path.join(mkdtempSync(path.join(tmpdir(), 'capture-')), file);
  writeFileSync(copy, readCapture(name, file));
  return copy;
}

export function readManifest(name: string): Manifest {
  return JSON.parse(readFileSync(path.join(root, name, 'manifest.json'), 'utf8')) as Manifest;
}

/** The recorded extents as `[offset, length]`, clipped to the origin. */
export function recordedRanges({ recorded_extents, origin_size }: Manifest): [number, number][] {
  return recorded_extents.map(([offset, length]) => [offset, Math.min(length, origin_size - offset)]);
}
