import type { Inspection } from '../../files/inspect.js';
import type { StreamHeader } from '../../format/lvs/maps/header.js';
import { formatId } from '../../format/lvs/maps/identifier.js';
import type { State } from '../../format/lvs/maps/state.js';
import type { FormatName } from '../../format/open-stream.js';
import { countOf, formatSize, roundSize } from '../print/sizes.js';
import { visibleJson } from '../print/visible.js';

/** A line of `info`: what, and its value for people. */
export type Line = readonly [label: string, value: string];

/** What a stream is, for people; only what is known. */
export function describeStream(found: Inspection): Line[] {
  const lines: (readonly [string, string | undefined])[] = [
    ['format', describeFormat(found)],
    ...(isChangeMap(found) ? describeRanges(found) : describeContents(found)),
    ['extent', describeExtent(found)],
    ...describeHeader(found),
    ['file', describeFile(found)],
  ];
  return lines.flatMap(([label, value]): Line[] => (value === undefined ? [] : [[label, value]]));
}

function describeContents(found: Inspection): (readonly [string, string | undefined])[] {
  const { data, zeros, digest } = found.closing;
  return [
    ['id', describeId(found)],
    ['digest', digest && formatId(digest)],
    ['records', describeRecords(found)],
    ['data', formatSize(data)],
    ['zeros', zeros > 0 ? `${formatSize(zeros)} of the data, in zero frames` : undefined],
  ];
}

/** The digest is left out: all maps have the same. */
function describeRanges({ header, closing }: Inspection): (readonly [string, string | undefined])[] {
  return [
    ['id', header.id && formatId(header.id)],
    ['ranges', String(closing.runs)],
    ['changed', formatSize(closing.data)],
  ];
}

function isChangeMap({ header }: Inspection): boolean {
  return header.kind === 'map';
}

/** The same for programs. */
export function describeForPrograms({ format, header, closing, dialect, ...found }: Inspection) {
  const { size, records, runs, data, zeros, low, high, digest } = closing;
  const said: Partial<StreamHeader> = dialect ? {} : header;
  const { id, derivedFrom, undoes, follows, target, unknown: unknownKeys, ...known } = said;
  return {
    format,
    ...(dialect && { byteOrder: dialect.byteOrder, units: dialect.units }),
    ...known,
    id: (id ?? digest) && formatId(id ?? digest!),
    order: found.order,
    digest: digest && formatId(digest),
    ...{ size, records, runs, data, zeros, low, high },
    base: header.base ?? closing.base,
    result: header.result ?? closing.result,
    target: target && { path: target.path, deviceId: target.deviceId, size: target.size },
    derivedFrom: derivedFrom?.map(({ id: from, by }) => ({ id: from && formatId(from), by })),
    undoes: (closing.undoes ?? undoes)?.map(formatId),
    follows: follows && formatId(follows),
    consistent: closing.consistent,
    endTime: closing.endTime,
    unknownKeys,
    fileSize: found.fileSize,
  };
}

function describeFormat({ format, header, dialect, order }: Inspection): string {
  if (header.kind === 'map') return `${format}, map`;
  if (!dialect) return `${describeFormatName(format)}, ${header.kind}, order ${order}`;
  const units = dialect.version === 2 ? `, offsets in ${dialect.units}` : '';
  return `lvmsync version ${format.slice(-1)}, ${dialect.byteOrder}-endian${units}, order ${order}`;
}

const FOREIGN_NAMES: Readonly<Partial<Record<FormatName, string>>> = {
  rbd1: 'rbd diff version 1',
  rbd2: 'rbd diff version 2',
};

function describeFormatName(format: FormatName): string {
  return FOREIGN_NAMES[format] ?? format;
}

function describeId({ header, closing }: Inspection): string | undefined {
  if (header.id) return formatId(header.id);
  return closing.digest && 'its digest';
}

function describeRecords({ closing: { records, runs } }: Inspection): string {
  if (records === 0 || runs === undefined) return String(records);
  return `${records} in ${countOf(runs, 'run')}`;
}

function describeExtent({ closing: { low, high } }: Inspection): string | undefined {
  return high > 0 ? `byte ${low} to ${high} (${roundSize(low)} to ${roundSize(high)})` : undefined;
}

function describeHeader({ header, closing, dialect }: Inspection): (readonly [string, string | undefined])[] {
  if (dialect) return [];
  const { baseSize, resultSize, chunkSize, target, undoes, follows, generator, time } = header;
  return [
    ['device', describeSizes(baseSize, resultSize)],
    ['chunk size', chunkSize === undefined ? undefined : formatSize(chunkSize)],
    ['base', describeState(header.base ?? closing.base)],
    ['result', describeState(header.result ?? closing.result)],
    ['base digests', describeDigests(header)],
    [
      'consistent',
      closing.consistent === undefined ? undefined : closing.consistent ? 'yes' : 'no: the origin was in use',
    ],
    ['origin', header.origin && describeTexts(header.origin)],
    ['target', target && `${target.path}, ${formatSize(target.size)}`],
    ['undoes', (closing.undoes ?? undoes)?.map(formatId).join(', ')],
    ['follows', follows && formatId(follows)],
    [
      'made of',
      header.derivedFrom
        ?.map(({ id, by }) => `${id ? formatId(id) : 'a stream without id'} (${by})`)
        .join(', '),
    ],
    ['generator', generator],
    ['time', describeTimes(time, closing.endTime)],
  ];
}

function describeDigests({ kind, baseDigests }: StreamHeader): string | undefined {
  if (kind === 'map') return undefined;
  return baseDigests === true ? 'yes: what the device must hold before is checked' : 'no';
}

function describeSizes(base: number | undefined, result: number | undefined): string | undefined {
  if (base === undefined || result === undefined || base === result) {
    const size = base ?? result;
    return size === undefined ? undefined : formatSize(size);
  }
  return `${formatSize(base)} before, ${formatSize(result)} after`;
}

function describeState(state: State | undefined): string {
  if (!state) return 'unknown';
  const { id, time, consistent, covers, details } = state;
  const more = [
    time === undefined ? undefined : describeTime(time),
    consistent === false ? 'read while in use' : undefined,
    covers && (covers.length > 0 ? `covers ${covers.join(' and ')}` : 'covers no other state'),
  ];
  const names = Object.entries(details ?? {}).map(([key, value]) => `${key} ${describeValue(value)}`);
  return [id, ...more, ...names].filter((part) => part !== undefined).join(', ');
}

function describeValue(value: unknown): string {
  return typeof value === 'string' ? value : visibleJson(value);
}

function describeTexts(texts: Readonly<Record<string, string>>): string {
  return Object.entries(texts)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ');
}

function describeTimes(start: number | undefined, end: number | undefined): string | undefined {
  const times = [start, end].filter((time) => time !== undefined).map(describeTime);
  return times.length > 0 ? times.join(' to ') : undefined;
}

/** Beyond the year 275760 no calendar of ours goes. */
function describeTime(time: number): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? `${time} ms after 1970` : date.toISOString();
}

function describeFile({ fileSize, closing }: Inspection): string | undefined {
  if (fileSize === undefined) return undefined;
  const ratio = closing.size / fileSize;
  return ratio > 1.005
    ? `${formatSize(fileSize)}, ${ratio.toFixed(2)} times smaller than plain`
    : formatSize(fileSize);
}
