import { readFileSync } from 'node:fs';

/** The bytes of a hexadecimal listing in which `#` begins a comment. */
export function readHex(file: URL): Buffer {
  const text = readFileSync(file, 'utf8').replace(/#.*$/gm, '');
  return Buffer.from(text.replace(/\s+/g, ''), 'hex');
}

export const exampleFile = new URL('../../spec/example.hex', import.meta.url);
