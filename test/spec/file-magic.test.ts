import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { vectorFiles } from '../format/vector-files.js';

/** The entry for file(1) beside the specification, with Debian's `file`. */

const magic = fileURLToPath(new URL('../../spec/lvs.magic', import.meta.url));
/** A stream without a first line begins with data, and an empty one with nothing. */
const isNamed = ({ expected }: (typeof vectorFiles)[number]) => expected.options?.assume === undefined;
const good = vectorFiles.filter(({ expected }) => expected.verdict === 'good').filter(isNamed);
const file = (...args: string[]): string[] =>
  execFileSync('file', ['--brief', '-m', magic, ...args, ...good.map(({ path }) => path)], {
    encoding: 'utf8',
  })
    .trim()
    .split('\n');

it('names every good vector that says what it is', () => {
  const expected = good.map(({ expected: { format } }) =>
    format === 'lvs'
      ? 'lvstream change stream, version 1'
      : `lvmsync change stream, version ${format.slice(-1)}`,
  );
  expect(file()).toEqual(expected);
});

it('knows the media type of the container', () => {
  const types = file('--mime-type').filter((_, i) => good[i]!.expected.format === 'lvs');
  expect(new Set(types)).toEqual(new Set(['application/vnd.lvstream']));
});
