import { expect, it } from 'vitest';
import { report } from '../fault-table.js';
import explained from './reference-survivors.json' with { type: 'json' };
import { referenceModules, tryReference } from './try-reference.js';

/** `MUTATE`: one module of those listed, with `reference/` before it; `EVERY`: only each so many-th mutant. */

const only = process.env['MUTATE'];
const every = Number(process.env['EVERY'] ?? 1);
const chosen = referenceModules.filter((name) => only === undefined || only === `reference/${name}`);

const reasons: Readonly<Record<string, Readonly<Record<string, string>>>> = explained;

it.each(chosen)('the vectors notice each mutant of the reference decoder: %s', async (name) => {
  const { tried, survivors } = await tryReference(name, every);
  const left = survivors.map(({ line, before, after }) => ({ line, change: `${before} → ${after}` }));
  const unexplained = left.filter(({ change }) => reasons[name]?.[change] === undefined);
  console.log(
    unexplained.map(({ line, change }) => `test/reference/${name}.ts:${line}: ${change}`).join('\n'),
  );
  const changes = left.map(({ change }) => change);
  const stale = every > 1 ? [] : Object.keys(reasons[name] ?? {}).filter((each) => !changes.includes(each));
  const lost = unexplained.length;
  report({ fault: `mutant of the reference decoder: ${name}`, tried, survived: tried - lost, lost });
  expect({ unexplained, stale }).toEqual({ unexplained: [], stale: [] });
});
