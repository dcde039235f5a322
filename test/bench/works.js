/**
 * What is measured: shell commands over `$origin`, `$cow`, `$stream`, `$lvs` (the stream, level 3), `$target` (a file of
 * the origin's size), `$fresh` (an empty folder), `$limit` (the C program of limit.c), and `$pool` with `$volume` (a thin
 * pool's metadata, and a volume of it). Pipes end in `cat`, so that
 * whatever is written is read by somebody. `beside` names the yardstick whose time is the unit; without `data`, what is
 * worked on is no stream.
 */
export const WORKS = [
  { name: 'cat of the stream', shell: 'cat "$stream" | cat >/dev/null', yardstick: true },
  {
    name: 'limit dump',
    shell: '"$limit" dump "$cow" "$origin" | cat >/dev/null',
    yardstick: true,
    needs: 'cc',
  },
  { name: 'limit apply', shell: '"$limit" apply "$stream" "$target"', yardstick: true, needs: 'cc' },
  {
    name: 'zstd -T2 -1',
    shell: 'zstd -qc -T2 -1 "$stream" | cat >/dev/null',
    yardstick: true,
    needs: 'zstd',
  },
  { name: 'zstd -dc', shell: 'zstd -qdc "$lvs" | cat >/dev/null', yardstick: true, needs: 'zstd' },

  {
    name: 'thin_delta',
    shell: 'thin_delta --snap1 2 --snap2 1 "$pool" >/dev/null',
    yardstick: true,
    needs: 'thin_delta',
    data: false,
  },

  { name: 'dump, plain', beside: 'limit dump', shell: `${dump('--format lvmsync')} | cat >/dev/null` },
  { name: 'dump, level 0', beside: 'limit dump', shell: `${dump('--level 0')} | cat >/dev/null` },
  { name: 'dump, level 1', beside: 'zstd -T2 -1', shell: `${dump('--level 1')} | cat >/dev/null` },
  { name: 'dump, level 3', beside: 'zstd -T2 -1', shell: `${dump('--level 3')} | cat >/dev/null` },
  { name: 'apply, plain', beside: 'limit apply', shell: 'lvstream apply "$stream" "$target" --no-sync' },
  { name: 'apply, .lvs', beside: 'limit apply', shell: 'lvstream apply "$lvs" "$target" --no-sync' },
  {
    name: 'apply, snapback',
    beside: 'limit apply',
    shell: 'lvstream apply "$stream" "$target" --snapback "$fresh/undo.lvs"',
  },
  { name: 'verify, plain', beside: 'cat of the stream', shell: 'lvstream verify "$stream" >/dev/null' },
  { name: 'verify, .lvs', beside: 'zstd -dc', shell: 'lvstream verify "$lvs" >/dev/null' },
  {
    name: 'compress -1',
    beside: 'zstd -T2 -1',
    shell: 'lvstream compress --level 1 "$stream" | cat >/dev/null',
  },
  {
    name: 'changes, thin',
    beside: 'thin_delta',
    shell: 'lvstream changes --thin-metadata "$pool" --from 2 --to 1 --source "$volume" >/dev/null',
    needs: 'thin_delta',
    data: false,
  },
  { name: 'decompress', beside: 'zstd -dc', shell: 'lvstream decompress "$lvs" | cat >/dev/null' },
];

function dump(options) {
  return `lvstream dump --cow "$cow" --origin "$origin" ${options}`;
}
