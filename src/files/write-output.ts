import { openOutput, type Output } from './sink.js';

/**
 * Runs what writes a result, and puts it under its name when all of it is there. When that throws, nothing is left.
 * `path` and `force` as of `openOutput`.
 */
export async function writeOutput<T>(
  path: string,
  { force }: { readonly force?: boolean | undefined },
  write: (output: Output) => Promise<T>,
): Promise<T> {
  const output = await openOutput(path, { force });
  let result: T;
  try {
    result = await write(output);
  } catch (error) {
    output.abort();
    throw error;
  }
  await output.commit();
  return result;
}
