import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Fault } from '#src/errors.js';
import { vectorFiles, type Expectation } from '../format/vector-files.js';
import { decode, ReferenceFault, toJson, type ReferenceOptions } from '../reference/decoder.js';

/**
 * Every conformance vector through the reference decoder, which was written from the specification and shares no
 * code with the generator or with `src/`.
 */

function judge(input: Uint8Array, options: ReferenceOptions) {
  try {
    return { ...decode(input, options), verdict: 'good' as const };
  } catch (error) {
    if (!(error instanceof ReferenceFault)) throw error;
    const { fault, position, released } = error;
    return { ...released, verdict: { fault: fault as Fault, position } };
  }
}

function describeReading(reading: ReturnType<typeof judge>): Partial<Expectation> {
  const records = reading.records.map(({ offset, data }): [number, number, string] => [
    offset,
    data.length,
    createHash('sha256').update(data).digest('hex'),
  ]);
  const { verdict, ranges } = reading;
  if (!('header' in reading)) return { verdict, records, ranges };
  return { verdict, records, ranges, header: toJson(reading.header), closing: toJson(reading.closing) };
}

describe('the reference decoder', () => {
  it.each(vectorFiles)('agrees with $name', ({ input, expected }) => {
    const { format: _format, description: _description, options, ...rest } = expected;
    const reading = describeReading(judge(input, (options ?? {}) as ReferenceOptions));
    expect(reading).toMatchObject(rest);
  });
});
