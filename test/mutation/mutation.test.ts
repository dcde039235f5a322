import { expect, it } from 'vitest';
import { report } from '../fault-table.js';
import { areas } from './areas.js';
import { tryArea } from './try-area.js';

/** `MUTATE`: one area, or one module of an area. */

const only = process.env['MUTATE'];
const chosen = Object.entries(areas).flatMap(([name, area]) => {
  const modules = area.modules.filter((module) => [undefined, name, module].includes(only));
  return modules.length === 0 ? [] : [{ name, area, modules }];
});

it.each(chosen)('each mutant of $name is noticed or explained', async ({ name, area, modules }) => {
  const { tried, noticed, survivors, stale } = await tryArea(area, modules);
  const lost = survivors.length;
  console.log([`${name}: ${noticed} of ${tried} noticed`, ...survivors].join('\n'));
  report({ fault: `mutant of ${name}`, tried, survived: tried - lost, lost });
  expect({ survivors, stale }).toEqual({ survivors: [], stale: [] });
});
