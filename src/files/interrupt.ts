import { LvstreamError } from '../errors.js';

/** What is done; an error that it returns is what there is to say to whoever interrupted. */
type InterruptAction = () => unknown;

const actions = new Set<InterruptAction>();

/**
 * Registers what to undo if a signal ends the process. Returns how to take it back.
 * The action runs synchronously, at most once, before the process exits.
 */
export function onInterrupt(action: InterruptAction): () => void {
  actions.add(action);
  return () => void actions.delete(action);
}

/**
 * Runs and forgets all registered actions, the latest first, and returns what they have to say; one that fails does not
 * keep the others back.
 */
export function runInterruptActions(): LvstreamError[] {
  const said: LvstreamError[] = [];
  const latestFirst = [...actions].reverse();
  actions.clear();
  for (const action of latestFirst) {
    try {
      const word = action();
      if (word instanceof LvstreamError) said.push(word);
    } catch {
      continue;
    }
  }
  return said;
}
