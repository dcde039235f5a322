import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FAULTS } from '#src/errors.js';
import { vectorFiles } from '../vector-files.js';

/** The faults of the code, of the specification's tables (§10) and of the vectors are one set. */

const specification = readFileSync(
  fileURLToPath(new URL('../../../spec/lvstream.md', import.meta.url)),
  'utf8',
);

const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

describe('the faults', () => {
  it('are those that the specification names, each once', () => {
    const [, damage = ''] = /^## 10\. Damage\n(.*?)^## /ms.exec(specification) ?? [];
    const named = [...damage.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, name]) => name!);
    expect(named.length).toBe(new Set(named).size);
    expect(sorted(named)).toEqual(sorted(FAULTS));
  });

  it('each have a vector', () => {
    const shown = vectorFiles.flatMap(({ expected: { verdict } }) =>
      verdict === 'good' ? [] : [verdict.fault],
    );
    expect(sorted(shown)).toEqual(sorted(FAULTS));
  });
});
