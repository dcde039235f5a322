import { readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;
/** A machine without KVM on a host that is busy is slow; what never comes fails. */
const PATIENCE_MS = 120_000;

/** Waits until something is so, instead of a time that may be too short. Throws, with `what`, if it does not come to be. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += POLL_MS) {
    if (waited >= PATIENCE_MS) throw new Error(`this has not come to be: ${what}`);
    await delay(POLL_MS);
  }
}

/** Waits until a process has a file or device open under this number. */
export async function untilOpen(processId: number, fd: number): Promise<void> {
  const isOpen = (): boolean => {
    try {
      return readlinkSync(`/proc/${processId}/fd/${fd}`) !== '';
    } catch {
      return false;
    }
  };
  await until(isOpen, `process ${processId} has file ${fd} open`);
}
