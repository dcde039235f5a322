import { expect, test } from 'vitest';
import { formatTable } from './fault-table.js';

test('one line a fault, rows of one name added up', () => {
  const rows = [
    { fault: 'kill', tried: 90, survived: 90, lost: 0 },
    { fault: 'power cut in an apply', tried: 1000, survived: 999, lost: 1 },
    { fault: 'kill', tried: 10, survived: 8, lost: 2 },
  ];
  expect(formatTable(rows).split('\n')).toEqual([
    'fault                 | tried | survived | lost',
    'kill                  |   100 |       98 |    2',
    'power cut in an apply |  1000 |      999 |    1',
  ]);
});
