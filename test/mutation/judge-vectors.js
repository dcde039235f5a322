import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { pathToFileURL } from 'node:url';
import { readInput } from '../vectors/read-input.js';

/**
 * Runs the `small` or `large` vectors through the decoders in the folders that it is sent, one after the other, and sends the
 * name of a vector on which one disagrees, or none. Argument: the folder of the vectors.
 */

const [, , folder] = process.argv;
const KEYS = ['format', 'verdict', 'records', 'ranges', 'header', 'closing'];

/** Bytes of data; what never ends is told sooner where a GiB of zeros is not waited for. */
const LARGE = 2 ** 20;

const all = readdirSync(folder).map(readVector).sort(byData);
const bySize = {
  small: all.filter(({ expected }) => dataOf(expected) < LARGE),
  large: all.filter(({ expected }) => dataOf(expected) >= LARGE),
};

process.on('message', ({ decoder, size }) => {
  void judge(decoder, bySize[size]).then((name) => process.send({ name }));
});
process.on('disconnect', () => process.exit());

/** What a decoder throws that is no fault is a disagreement, too. */
async function judge(decoder, vectors) {
  const modules = await import(pathToFileURL(path.join(decoder, 'decoder.js')).href).catch(() => ({}));
  const at = vectors.findIndex((vector) => !agrees(modules, vector));
  if (at < 0) return undefined;
  const [vector] = vectors.splice(at, 1);
  vectors.unshift(vector);
  return vector.name;
}

function readVector(name) {
  const own = path.join(folder, name);
  const expected = JSON.parse(readFileSync(path.join(own, 'expect.json'), 'utf8'));
  return { name, expected, input: readInput(own) };
}

/** Those with the least data first, and of them, later, those that noticed something last: most mistakes are noticed at once. */
function byData(a, b) {
  return dataOf(a.expected) - dataOf(b.expected);
}

function dataOf({ records }) {
  return records.reduce((sum, [, length]) => sum + length, 0);
}

function agrees(modules, { input, expected }) {
  try {
    const found = read(modules, input, expected.options ?? {});
    return KEYS.filter((key) => key in expected && (key !== 'format' || found.verdict === 'good')).every(
      (key) => isDeepStrictEqual(found[key], expected[key]),
    );
  } catch {
    return false;
  }
}

function read({ decode, ReferenceFault, toJson }, input, options) {
  try {
    const { records, header, closing, ...rest } = decode(input, options);
    const maps = header ? { header: toJson(header), closing: toJson(closing) } : {};
    return { verdict: 'good', records: rowsOf(records), ...rest, ...maps };
  } catch (error) {
    if (!(error instanceof ReferenceFault)) throw error;
    const { fault, position, released } = error;
    return { verdict: { fault, position }, records: rowsOf(released.records), ranges: released.ranges };
  }
}

function rowsOf(records) {
  return records.map(({ offset, data }) => [offset, data.length, sha256(data)]);
}

function sha256(data) {
  return createHash('sha256').update(data).digest('hex');
}
