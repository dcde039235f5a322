import { type Profiler, Session } from 'node:inspector';

const decoders = new URL('../../dist/', import.meta.url).href;

interface Coverage {
  /** Whether since the last call a function of the decoders ran a combination of its blocks that it never had before. */
  grew(): boolean;
  stop(): void;
}

/** What runs of `dist/`, by V8's block coverage. */
export function startCoverage(): Coverage {
  const session = new Session();
  const seen = new Set<string>();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
  return {
    grew: () => {
      const before = seen.size;
      session.post('Profiler.takePreciseCoverage', (error, { result }) => {
        if (error) throw error;
        for (const { url, functions } of result)
          if (url.startsWith(decoders)) for (const each of functions) seen.add(url + blocksOf(each));
      });
      return seen.size > before;
    },
    stop: () => {
      session.post('Profiler.stopPreciseCoverage');
      session.disconnect();
    },
  };
}

/** Where the blocks of a function begin that ran, and where those that did not. */
function blocksOf({ ranges }: Profiler.FunctionCoverage): string {
  return ranges.map(({ startOffset, count }) => (count > 0 ? startOffset : -startOffset)).join(' ');
}
