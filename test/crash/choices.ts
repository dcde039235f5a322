import type { Choice, Choices } from './disk.js';
import type { Random } from './random.js';

type Strategy = (random: Random) => Choice;

const oldest: Strategy = () => () => 0;
const newest: Strategy = () => (count) => count - 1;
const any: Strategy = (random) => (count) => random.below(count);
const mostlyNew: Strategy = (random) => (count) => (random.below(8) === 0 ? random.below(count) : count - 1);
const mostlyOld: Strategy = (random) => (count) => (random.below(8) === 0 ? random.below(count) : 0);
const upTo: Strategy = (random) => {
  const end = random.next();
  return (count, place) => (place < end ? count - 1 : 0);
};
const from: Strategy = (random) => {
  const start = random.next();
  return (count, place) => (place < start ? 0 : count - 1);
};

const STRATEGIES: readonly Strategy[] = [oldest, newest, any, mostlyNew, mostlyOld, upTo, from];

/** What a power cut keeps, at random, with a weakness for all, nothing, almost all, and one side. */
export function randomChoices(random: Random): Choices {
  return {
    file: () => random.pick(STRATEGIES)(random),
    names: random.pick([oldest, newest, any])(random),
  };
}
