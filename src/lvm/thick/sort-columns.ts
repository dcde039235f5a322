/** Whole numbers below 2^53, in 4 bytes each where all of them fit. */
export type Numbers = Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** Two columns of a table of chunk numbers, whole numbers below 2^53, row by row. */
export interface Columns {
  readonly oldChunks: Numbers;
  readonly newChunks: Numbers;
}

const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;

/**
 * The rows in ascending order of old chunks; equal ones stay in their order. Takes over the arrays given and needs as
 * much memory again. A radix sort, least digit first: two passes for an origin of 16 GiB in chunks of 4 KiB.
 */
export function sortColumns({ oldChunks, newChunks }: Columns): Columns {
  let from: Columns = { oldChunks, newChunks };
  let spare: Columns | undefined;
  const highest = highestOf(oldChunks);
  for (let unit = 1; unit <= highest; unit *= DIGITS) {
    const to = spare ?? { oldChunks: emptyLike(oldChunks), newChunks: emptyLike(newChunks) };
    sortByDigit(from, to, 1 / unit);
    spare = from;
    from = to;
  }
  return from;
}

function highestOf(numbers: Numbers): number {
  let highest = 0;
  for (const number of numbers) if (number > highest) highest = number;
  return highest;
}

function emptyLike(numbers: Numbers): Numbers {
  return numbers instanceof Uint32Array ? new Uint32Array(numbers.length) : new Float64Array(numbers.length);
}

/** One stable pass; `scale`, a negative power of two, brings the digit to the ones. */
function sortByDigit(from: Columns, to: Columns, scale: number): void {
  const places = digitPlaces(from.oldChunks, scale);
  for (let i = 0; i < from.oldChunks.length; i += 1) {
    const oldChunk = from.oldChunks[i]!;
    const digit = (oldChunk * scale) & (DIGITS - 1);
    const place = places[digit]!;
    places[digit] = place + 1;
    to.oldChunks[place] = oldChunk;
    to.newChunks[place] = from.newChunks[i]!;
  }
}

/** Where the first number of each digit goes. */
function digitPlaces(chunks: Numbers, scale: number): Float64Array {
  const places = new Float64Array(DIGITS + 1);
  for (const chunk of chunks) places[((chunk * scale) & (DIGITS - 1)) + 1]! += 1;
  for (let digit = 1; digit < DIGITS; digit += 1) places[digit]! += places[digit - 1]!;
  return places;
}
