const actions = new Set<() => void>();

/**
 * Registers what to undo if a signal ends the process. Returns how to take it back.
 * The action runs synchronously, at most once, before the process exits.
 */
export function onInterrupt(action: () => void): () => void {
  actions.add(action);
  return () => void actions.delete(action);
}

/** Runs and forgets all registered actions, the latest first; one that fails does not keep the others back. */
export function runInterruptActions(): void {
  const latestFirst = [...actions].reverse();
  actions.clear();
  for (const action of latestFirst) {
    try {
      action();
    } catch {
      continue;
    }
  }
}
