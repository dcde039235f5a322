import { createOutputSink } from '../../files/sink.js';
import { visibleJson } from './visible.js';

const STDOUT = 1;

/** Writes text to standard output; throws `ClosedOutputError` when nobody reads it any more. */
export async function print(text: string): Promise<void> {
  await createOutputSink(STDOUT, 'standard output').write(new TextEncoder().encode(text));
}

/** Writes a value as one line of JSON to standard output. */
export async function printJson(value: unknown): Promise<void> {
  await print(`${visibleJson(value)}\n`);
}
