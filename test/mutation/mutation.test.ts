import { expect, it } from 'vitest';
import { report } from '../fault-table.js';
import { subjects } from './subjects.js';
import { tryMutants } from './try-mutants.js';

/** `MUTATE`: one file of those listed; `EVERY`: only each so many-th mutant. */

const only = process.env['MUTATE'];
const every = Number(process.env['EVERY'] ?? 1);
const chosen = Object.entries(subjects).filter(([subject]) => only === undefined || subject === only);

it.each(chosen)('each mutant of %s is noticed or explained', async (subject, tests) => {
  const { tried, killed, survivors, stale } = await tryMutants(subject, tests, { every });
  const lost = survivors.length;
  console.log([`${subject}: ${killed} of ${tried} noticed`, ...survivors].join('\n'));
  report({ fault: `mutant of ${subject}`, tried, survived: tried - lost, lost });
  expect({ survivors, stale }).toEqual({ survivors: [], stale: [] });
});
