import type { Closing } from './closing.js';
import type { StreamHeader } from './header.js';
import type { State } from './state.js';

/** The two states that a stream leads between, as far as it names them (§6.1). */
export interface Ends {
  readonly base?: State | undefined;
  readonly result?: State | undefined;
  /** Nothing that was written since the base is left out for being equal (§6.2). */
  readonly exhaustive?: boolean | undefined;
}

/** Where a stream leads from and to: its closing map knows better than its header. */
export function endsOf({ base, result, exhaustive }: StreamHeader, closing?: Closing): Ends {
  return { base: closing?.base ?? base, result: closing?.result ?? result, exhaustive };
}
