import { onInterrupt } from '../files/interrupt.js';

/** Something open, or made for a while. */
export interface Closable {
  /** What is promised is to be awaited, where there is time for that. */
  close(): unknown;
}

/** Has something closed with all the rest. */
export type Keep = <T extends Closable>(item: T) => T;

/**
 * Opens several things as one. All that `open` keeps is closed, the latest first, when the result is closed, when a
 * signal ends the process, or at once if `open` throws. If closing throws, the rest is closed before that is thrown.
 */
export async function openTogether<T extends object>(
  open: (keep: Keep) => Promise<T>,
): Promise<T & { close(): void }> {
  const kept: Closable[] = [];
  const close = (): void => {
    forget();
    closeAll(kept.splice(0).reverse());
  };
  const forget = onInterrupt(close);
  try {
    const result = await open((item) => {
      kept.push(item);
      return item;
    });
    return { ...result, close };
  } catch (error) {
    close();
    throw error;
  }
}

function closeAll([first, ...others]: readonly Closable[]): void {
  if (first === undefined) return;
  try {
    first.close();
  } finally {
    closeAll(others);
  }
}
