import { ascii, join, patched, sealed, u32 } from './bytes.js';
import { cutRecord, headerFrame, PAGE, ZERO_RANGES, type FileDraft } from './container.js';
import { pack } from './msgpack.js';
import { changes, longRecord, lvs, MIB, record, type Vector } from './vector.js';
import { compressedBlock, dataFrame, zeroRangesBody } from './zstd.js';

/** `.lvs` files that end too early. */

const second = headerFrame({ map: pack(changes) }).length;

/** A good file cut `kept` bytes behind what `before` has written. */
function cut(
  word: string,
  description: string,
  kept: number,
  before: (file: FileDraft) => void,
  behind = finish,
) {
  let end = 0;
  const vector = lvs(`truncated-${word}`, description, changes, (file) => {
    before(file);
    end = file.position + kept;
    file.fault('truncated', end);
    behind(file);
  });
  return { ...vector, input: vector.input.subarray(0, end) };
}

function finish(file: FileDraft): void {
  file.data([record(8192)]);
  file.finish();
}

/** A file that ends behind a frame's claim of the largest size there is. */
function claimed(word: string, description: string, magic: number, size: number): Vector {
  return lvs(`truncated-${word}`, description, changes, (file) => {
    file.data([record(4096)]);
    file.stray(join(u32(magic), u32(size)));
    file.fault('truncated');
  });
}

const oneFrame = (file: FileDraft): void => file.data([record(4096)]);
const zeros = (file: FileDraft): void => file.zeros([{ offset: 8192, length: 300_000 }]);
const shortBlock = (file: FileDraft): void => {
  const block = compressedBlock(Uint8Array.of(0), true);
  file.data([record(8192)], { encode: (content) => dataFrame(content, { blocks: [block] }) });
};
const lastPage = (file: FileDraft): void => file.lastPage();

/** Cut inside an identification that is another one already: it counts when it is whole. */
function otherIdentification(): Vector {
  const { input, ...rest } = cut(
    'in-identification-other',
    'Cut inside the identification, which is another one already.',
    12 - second - 30,
    () => undefined,
  );
  return { ...rest, input: patched(input, 8, ascii('abcd')) };
}

export const cutFiles = (): Vector[] => [
  otherIdentification(),
  cut('behind-magic', 'Cut behind the magic of the header.', 4 - second - 30, () => undefined),
  cut('in-identification', 'Cut inside the identification.', 12 - second - 30, () => undefined),
  cut('in-header', 'Cut inside the header.', -1 - 30, () => undefined),
  cut('behind-header', 'Cut behind the header.', -30, () => undefined),
  cut('in-first-line', 'Cut inside the first line.', -1, () => undefined),
  cut('behind-first-line', 'Cut behind the first line.', 0, () => undefined),
  cut('in-magic', 'Cut inside the magic of a data frame.', 3, oneFrame),
  cut('in-frame-header', 'Cut inside the header of a data frame.', 8, oneFrame),
  cut('in-block-header', 'Cut inside the header of a block.', 11, oneFrame),
  cut('in-block', 'Cut inside a block.', 40, oneFrame),
  cut('in-checksum', 'Cut inside the content checksum.', 9 + 3 + 60 + 2, oneFrame),
  cut(
    'behind-short-block',
    'Cut behind a compressed block of one byte: only decoding, which takes the whole frame, refuses that.',
    9 + 3 + 1 + 2,
    oneFrame,
    shortBlock,
  ),
  cut('behind-frame', 'Cut between two data frames, as a partial snapback ends.', 0, oneFrame),
  cut('open-record', 'Cut where a record should go on: it is not whole and does not count.', 0, (file) => {
    file.data([record(0), cutRecord(longRecord(4096, 2 * MIB), MIB)[0]!]);
  }),
  cut('in-zero-ranges-size', 'Cut inside the size of a zero-ranges frame.', 6, oneFrame, zeros),
  cut('in-zero-ranges', 'Cut inside a zero-ranges frame.', 35, oneFrame, zeros),
  cut('behind-zero-ranges', 'Cut between zero ranges and their zero frame.', 36, oneFrame, zeros),
  cut('in-zero-frame', 'Cut inside a zero frame.', 36 + 30, oneFrame, zeros),
  cut('in-other', 'Cut inside another skippable frame.', 10, oneFrame, (file) => {
    file.other(0x184d2a53, ascii('something'));
  }),
  claimed('longest-zero-ranges', 'Zero ranges as long as 65 536 ranges take.', ZERO_RANGES, 12 + 65_536 * 16),
  lvs('truncated-most-zero-ranges', 'Cut behind 65 536 zero ranges, the most there are.', changes, (file) => {
    const ranges = Array.from({ length: 65_536 }, () => ({ offset: 4096, length: 1 }));
    file.stray(sealed(ZERO_RANGES, zeroRangesBody(ranges)));
    file.fault('truncated');
  }),
  claimed('longest-page', 'A page of 32 MiB, the most there is.', PAGE, 32 * MIB),
  claimed('longest-other', 'Another skippable frame of 32 MiB, the most there is.', 0x184d2a5f, 32 * MIB),
  lvs('truncated-longest-header', 'A header of 1 MiB, the most there is.', changes, (file) => {
    file.fault('truncated');
  }, { header: patched(headerFrame({ map: pack(changes) }), 4, u32(MIB)) }), // prettier-ignore
  cut('in-page', 'Cut inside the last page.', 100, oneFrame, lastPage),
  cut('behind-page', 'Cut behind a page that is not the last.', 0, (file) => {
    file.data([record(4096)]);
    file.page();
  }),
  cut('behind-last-page', 'Cut behind the last page.', 0, (file) => {
    file.data([record(4096)]);
    file.lastPage();
  }, (file) => file.stray(file.seekTable())), // prettier-ignore
  cut('in-seek-table', 'Cut one byte before the end.', 8 + 4 * 8 + 9 - 1, (file) => {
    file.data([record(4096)]);
    file.lastPage();
  }, (file) => file.stray(file.seekTable())), // prettier-ignore
];
