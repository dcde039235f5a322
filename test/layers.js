/**
 * The layers of `src/`, lowest first: each may import from those before it, and the packages named here and no others. A
 * pure layer may not reach for `node:` either: it could run in a browser. `src/README.md` says what lives in each.
 */
export const layers = [
  { name: 'ranges', pure: true, packages: [] },
  { name: 'format', pure: true, packages: ['@msgpack/msgpack'] },
  { name: 'interop', pure: true, packages: [] },
  { name: 'algebra', pure: true, packages: [] },
  { name: 'compare', pure: true, packages: [] },
  { name: 'codec', pure: false, packages: ['zstd-napi', 'zstd-napi/binding.js', 'xxhash-wasm'] },
  { name: 'files', pure: false, packages: ['koffi'] },
  { name: 'device', pure: false, packages: ['koffi', 'execa'] },
  { name: 'changes', pure: false, packages: [] },
  { name: 'chain', pure: false, packages: [] },
  { name: 'apply', pure: false, packages: [] },
  { name: 'lvm', pure: false, packages: ['execa'] },
  { name: 'cli', pure: false, packages: ['yargs', 'yargs/helpers', 'cli-progress'] },
];
