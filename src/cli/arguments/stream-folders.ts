import { listStreams } from '../../chain/stream-folder.js';
import { isFolder } from '../../files/same-file.js';
import { remark } from '../print/remarks.js';

/** The named streams; a folder stands for all streams in it, by name. Says what else is there. Throws as `listStreams`. */
export async function expandFolders(
  paths: readonly string[],
  options: { readonly quiet?: boolean | undefined },
): Promise<readonly string[]> {
  const expanded: string[] = [];
  for (const path of paths) expanded.push(...(isFolder(path) ? await expand(path, options) : [path]));
  return expanded;
}

async function expand(
  folder: string,
  options: { readonly quiet?: boolean | undefined },
): Promise<readonly string[]> {
  const { streams, leftOut } = await listStreams(folder);
  for (const path of leftOut) remark(`${path}: no finished stream, left out`, options);
  return streams;
}
