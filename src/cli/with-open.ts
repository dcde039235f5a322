import type { Closable, Keep } from '../lvm/opened.js';

/**
 * Does something with what it opens: all that `act` keeps is closed before this returns, the latest first, also when
 * something throws.
 */
export async function withOpen<T>(act: (keep: Keep) => Promise<T>): Promise<T> {
  const kept: Closable[] = [];
  try {
    return await act((item) => {
      kept.push(item);
      return item;
    });
  } finally {
    await closeAll(kept.reverse());
  }
}

async function closeAll([first, ...others]: readonly Closable[]): Promise<void> {
  if (first === undefined) return;
  try {
    await first.close();
  } finally {
    await closeAll(others);
  }
}
