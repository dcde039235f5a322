/** The name that was meant by a mistyped one: they share at least half of the longer one, at its start and its end. */
export function findSimilar(mistyped: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, likeness: likenessOf(mistyped, name) }))
    .sort((a, b) => b.likeness - a.likeness);
  return best !== undefined && best.likeness >= 0.5 ? best.name : undefined;
}

function likenessOf(one: string, other: string): number {
  const shortest = Math.min(one.length, other.length);
  let start = 0;
  while (start < shortest && one[start] === other[start]) start++;
  let end = 0;
  while (end < shortest - start && one.at(-1 - end) === other.at(-1 - end)) end++;
  return (start + end) / Math.max(one.length, other.length);
}
