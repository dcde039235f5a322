import { readFileSync } from 'node:fs';

/** The bytes of a hexadecimal listing in which `#` begins a comment. */
export function readHex(file: URL): Buffer {
  const text = readFileSync(file, 'utf8').replace(/#.*$/gm, '');
  return Buffer.from(text.replace(/\s+/g, ''), 'hex');
}

/** A record that goes on in a second frame, two pages, an other frame. */
export const longExampleFile = new URL('../../spec/long.hex', import.meta.url);
export const exampleFile = new URL('../../spec/example.hex', import.meta.url);
