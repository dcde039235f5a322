/**
 * What is measured: shell commands over `$origin`, `$cow`, `$stream`, `$lvs` (the stream, level 3), `$target` (a file of
 * the origin's size), `$fresh` (an empty folder), `$limit` (the C program of limit.c), `$pool` with `$volume` (a thin
 * pool's metadata, and a volume of it), `$one` and `$two` (streams of an eighth of the chunks, `.lvs` of level 3; `$one.stream`
 * plain, `$one.rbd` a diff of Ceph RBD), and `$parts` (a folder of 24 slices of `$lvs`). Pipes end in `cat`, so that
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

  {
    name: 'rbd merge-diff',
    shell: 'rbd merge-diff --no-progress "$one.rbd" "$two.rbd" - | cat >/dev/null',
    yardstick: true,
    needs: 'rbd',
  },
  {
    name: 'zstd -T2 -3 of two',
    shell: 'cat "$one.stream" "$two.stream" | zstd -qc -T2 -3 | cat >/dev/null',
    yardstick: true,
    needs: 'zstd',
  },
  { name: 'cat of 24', shell: 'cat "$parts"/* | cat >/dev/null', yardstick: true },
  { name: 'cmp', shell: 'cmp "$origin" "$target"', yardstick: true, data: false },

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
  { name: 'merge, plain', beside: 'rbd merge-diff', shell: merge('--format lvmsync'), data: false },
  { name: 'merge, level 0', beside: 'rbd merge-diff', shell: merge('--level 0'), data: false },
  { name: 'merge, level 3', beside: 'zstd -T2 -3 of two', shell: merge('--level 3'), data: false },
  {
    name: 'merge of 24',
    beside: 'cat of 24',
    shell: 'lvstream merge --quiet "$parts"/* | cat >/dev/null',
    data: false,
  },
  {
    name: 'diff, equal',
    beside: 'cmp',
    shell: 'lvstream diff "$origin" "$target" | cat >/dev/null',
    data: false,
  },
  { name: 'decompress', beside: 'zstd -dc', shell: 'lvstream decompress "$lvs" | cat >/dev/null' },
];

function dump(options) {
  return `lvstream dump --cow "$cow" --origin "$origin" ${options}`;
}

function merge(options) {
  return `lvstream merge --quiet "$one" "$two" ${options} | cat >/dev/null`;
}
