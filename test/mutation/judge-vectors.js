import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { pathToFileURL } from 'node:url';
import { readInput } from '../vectors/read-input.js';

/**
 * Runs every vector through the decoder in a folder and exits with 1 at the first on which it disagrees, which it names.
 * Arguments: the folder of the decoder's modules, the folder of the vectors.
 */

const [, , modules, vectors] = process.argv;
const { decode, ReferenceFault, toJson } = await import(pathToFileURL(path.join(modules, 'decoder.js')).href);

for (const { name, expected } of readdirSync(vectors).map(readExpected).sort(byData)) {
  if (agrees(readInput(path.join(vectors, name)), expected)) continue;
  console.log(name);
  process.exit(1);
}

function readExpected(name) {
  return { name, expected: JSON.parse(readFileSync(path.join(vectors, name, 'expect.json'), 'utf8')) };
}

/** Those with the least data first: most mistakes are noticed before a GiB of zeros is hashed. */
function byData(a, b) {
  return dataOf(a.expected) - dataOf(b.expected);
}

function dataOf({ records }) {
  return records.reduce((sum, [, length]) => sum + length, 0);
}

function agrees(input, expected) {
  const found = judge(input, expected.options ?? {});
  const records = found.records.map(({ offset, data }) => [offset, data.length, sha256(data)]);
  const all = { ...found, records };
  return Object.entries(all).every(
    ([key, value]) => !(key in expected) || isDeepStrictEqual(value, expected[key]),
  );
}

function judge(input, options) {
  try {
    const { records, ranges, header, closing } = decode(input, options);
    const maps = header ? { header: toJson(header), closing: toJson(closing) } : {};
    return { verdict: 'good', records, ranges, ...maps };
  } catch (error) {
    if (!(error instanceof ReferenceFault)) throw error;
    const { fault, position, released } = error;
    return { verdict: { fault, position }, ...released };
  }
}

function sha256(data) {
  return createHash('sha256').update(data).digest('hex');
}
