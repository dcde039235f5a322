import { ascii, flipped, hex, join, patched, resealed, u32, u64be } from './bytes.js';
import { HEADER, headerFrame, type FileDraft, type HeaderFields } from './container.js';
import {
  nestedAs,
  nestedMaps,
  nestingEncodings,
  pack,
  packPairs,
  wide,
  type Value,
  type ValueMap,
} from './msgpack.js';
import { changes, lvs, otherUuid, record, uuid, type Vector } from './vector.js';
import type { Fault } from '#src/errors.js';

/** Files whose header (§4.2) a reader refuses; all else in them is right. */
export const damagedHeaders = (): Vector[] => [...fixedFields(), ...features(), ...maps(), ...values()];

const whole = (file: FileDraft): void => {
  file.data([record(4096)]);
  file.finish();
};

function refused(name: string, fault: Fault, description: string, header: Uint8Array): Vector {
  const build = (file: FileDraft) => {
    file.fault(fault, 0);
    whole(file);
  };
  return lvs(name, description, changes, build, { header });
}

const good = headerFrame({ map: pack(changes) });
const framed = (fields: Partial<HeaderFields>) => headerFrame({ map: pack(changes), ...fields });

/** A file that holds these bytes and no more. */
function cutBehind(name: string, fault: Fault, description: string, bytes: Uint8Array): Vector {
  return { ...refused(name, fault, description, bytes), input: bytes };
}

const fixedFields = (): Vector[] => [
  refused('header-crc', 'header-crc', 'A bit of the map is flipped.', flipped(good, 30)),
  refused('header-crc-itself', 'header-crc', 'A bit of the checksum is flipped.', flipped(good, -1, 0x80)),
  refused(
    'header-crc-before-version',
    'header-crc',
    'A bit of the version is flipped: the checksum comes first.',
    flipped(good, 16, 2),
  ),
  refused(
    'header-identification',
    'header-identification',
    "Another program's frame of the same magic.",
    framed({ identification: ascii('pzstd\0\0\0') }),
  ),
  refused(
    'header-identification-text-mode',
    'header-identification',
    'A transfer in text mode has turned CR LF into LF.',
    framed({ identification: hex('894c56530a1a0a00') }),
  ),
  cutBehind(
    'header-identification-last-byte',
    'header-identification',
    'The file ends behind another identification.',
    framed({ identification: ascii('pzstd\0\0\0') }).subarray(0, 16),
  ),
  cutBehind(
    'frame-size-header-last-byte',
    'frame-size',
    'The file ends behind the identification of a header of an impossible size.',
    patched(good, 4, u32(2 ** 20 + 1)).subarray(0, 16),
  ),
  refused('header-version', 'header-version', 'Version 2.', framed({ version: 2 })),
  refused('header-version-0', 'header-version', 'Version 0.', framed({ version: 0 })),
  refused('header-reserved', 'header-reserved', 'The reserved field is 1.', framed({ reserved: 1 })),
  refused(
    'header-version-before-reserved',
    'header-version',
    'Version 2, and a reserved field of 1: the version comes first.',
    framed({ version: 2, reserved: 1 }),
  ),
  refused(
    'header-reserved-before-map',
    'header-reserved',
    'A reserved field of 1 and no map: the field comes first.',
    framed({ reserved: 1, map: Uint8Array.of(0xc1) }),
  ),
  refused(
    'header-reserved-high',
    'header-reserved',
    'The highest bit of the reserved field is set.',
    framed({ reserved: 0x8000 }),
  ),
  refused(
    'frame-size-header-short',
    'frame-size',
    'A header whose payload is one byte short of the least.',
    (() => {
      const head = headerFrame({ map: new Uint8Array(0) });
      return join(head.subarray(0, 4), u32(16), head.subarray(8));
    })(),
  ),
  refused(
    'frame-size-header-long',
    'frame-size',
    'A header that claims one byte more than 1 MiB.',
    patched(good, 4, u32(2 ** 20 + 1)),
  ),
];

const withMap = (map: ValueMap) => headerFrame({ map: pack(map) });

const features = (): Vector[] => [
  refused(
    'unsupported-feature',
    'unsupported-feature',
    'A feature that version 1 does not know.',
    withMap({ ...changes, requires: ['example.org/sealed'] }),
  ),
  refused(
    'unsupported-feature-before-keys',
    'unsupported-feature',
    'A feature is unknown and a kind too: the feature comes first.',
    withMap({ kind: 'delta', requires: ['later'], order: 'given' }),
  ),
  refused(
    'unsupported-feature-empty-name',
    'unsupported-feature',
    'A feature whose name is empty.',
    withMap({ ...changes, requires: [''] }),
  ),
];

const mapVector = (word: string, description: string, map: Uint8Array): Vector =>
  refused(`header-map-${word}`, 'header-map', description, headerFrame({ map }));

const pairs: [Value, Value][] = Object.entries(changes);
const nested = (depth: number): Value => (depth === 0 ? [] : { deeper: nested(depth - 1) });
const raw = (...bytes: number[]) => ({ encoded: Uint8Array.from(bytes), json: null });

/** A text, as hexadecimal, under a key that no reader knows. */
const notUtf8 = (word: string, description: string, text: string): Vector => {
  const bytes = hex(text);
  return mapVector(
    `utf-8-${word}`,
    description,
    packPairs([
      ...pairs,
      ['later', { encoded: join(Uint8Array.of(0xa0 | bytes.length), bytes), json: null }],
    ]),
  );
};

/** Rules of msgpack and of all maps. */
const maps = (): Vector[] => [
  mapVector('absent', 'No map at all.', new Uint8Array(1)),
  mapVector('array', 'An array in place of the map.', pack(['kind', 'changes'])),
  mapVector('cut', 'The map ends inside its last text.', pack(changes).subarray(0, -2)),
  mapVector('surplus', 'A byte behind the map.', join(pack(changes), Uint8Array.of(0xc0))),
  mapVector('duplicate-key', 'A key twice.', packPairs([...pairs, ['kind', 'changes']])),
  mapVector(
    'duplicate-key-inside',
    'A key twice in a map that no reader knows.',
    packPairs([
      ...pairs,
      [
        'later',
        [
          {
            encoded: packPairs([
              ['a', 1],
              ['a', 2],
            ]),
            json: null,
          },
        ],
      ],
    ]),
  ),
  mapVector('key-number', 'A key that is a number.', packPairs([...pairs, [7, 'seven']])),
  mapVector('key-bytes', 'A key that is bin.', packPairs([...pairs, [ascii('id'), uuid]])),
  mapVector(
    'utf-8',
    'A text that is no UTF-8.',
    packPairs([...pairs, ['generator', { encoded: hex('a3 61 ff 62'), json: null }]]),
  ),
  mapVector(
    'utf-8-surrogate',
    'A text with a surrogate in it, under a key that no reader knows.',
    packPairs([...pairs, ['later', { encoded: hex('a3 eda080'), json: null }]]),
  ),
  mapVector(
    'utf-8-long',
    'A long text that is no UTF-8.',
    packPairs([...pairs, ['generator', wide([0xd9, 251], '\xc0' + 'x'.repeat(250))]]),
  ),
  mapVector(
    'utf-8-key',
    'A key that is no UTF-8.',
    packPairs([...pairs, [{ encoded: hex('a2 61ff'), json: null }, 1]]),
  ),
  notUtf8('surrogate-last', 'The last of the surrogates.', 'edbfbf'),
  notUtf8('f8', 'A byte that would begin a character of five, with the rest of one of four.', 'f8908080'),
  mapVector(
    'utf-8-cut-before-key',
    'A text that ends inside a character; the head of the key behind it could be the rest of one.',
    packPairs([...pairs, ['later', { encoded: hex('a1 c3'), json: null }], ['x', 1]]),
  ),
  notUtf8('cut', 'A text that ends inside a character of three bytes.', '61 e282'),
  notUtf8('cut-4', 'A character of four bytes that another one cuts.', 'f09f92 61'),
  notUtf8('continuation', 'A byte that goes on a character where none has begun.', '61 80'),
  notUtf8('overlong-2', 'A line feed in two bytes.', 'c08a'),
  notUtf8('overlong-3', 'A character of two bytes in three.', 'e09fbf'),
  notUtf8('overlong-4', 'A character of three bytes in four.', 'f08fbfbf'),
  notUtf8('above', 'A character above U+10FFFF.', 'f4908080'),
  notUtf8('five', 'A character of five bytes.', 'f888808080'),
  mapVector('nesting', 'Nested 17 deep.', pack({ ...changes, deep: nested(15) })),
  mapVector('nesting-maps', 'Nested 17 deep, all of it maps.', pack({ ...changes, deep: nestedMaps(16) })),
  ...nestingEncodings.map((each) =>
    mapVector(
      `nesting-${each.replace(' ', '-')}`,
      `Nested 17 deep, each ${each} in the one before.`,
      pack({ ...changes, deep: nestedAs(each, 16) }),
    ),
  ),
  mapVector('extension', 'An extension type.', pack({ ...changes, later: raw(0xd4, 1, 0) })),
  mapVector('timestamp', "msgpack's timestamp.", pack({ ...changes, time: raw(0xd6, 0xff, 1, 2, 3, 4) })),
  mapVector('reserved-byte', 'The byte 0xC1.', pack({ ...changes, later: raw(0xc1) })),
  mapVector(
    'array-too-long',
    'An array that claims 2^32 - 1 elements.',
    pack({ ...changes, later: raw(0xdd, 0xff, 0xff, 0xff, 0xff) }),
  ),
];

const without = (key: string): ValueMap =>
  Object.fromEntries(Object.entries(changes).filter(([other]) => other !== key));
const wrong = (word: string, description: string, keys: ValueMap): Vector =>
  mapVector(word, description, pack({ ...changes, ...keys }));

/** Keys and their values. */
const values = (): Vector[] => [
  mapVector('kind-absent', 'No `kind`.', pack(without('kind'))),
  mapVector('requires-absent', 'No `requires`.', pack(without('requires'))),
  mapVector('order-absent', 'No `order`.', pack(without('order'))),
  wrong('kind-unknown', 'A `kind` that there is not.', { kind: 'delta' }),
  wrong('order-unknown', 'An `order` that there is not.', { order: 'descending' }),
  wrong('requires-text', '`requires` is a text.', { requires: 'later' }),
  wrong('requires-numbers', 'An unknown feature and a number: the type comes first.', {
    requires: ['later', 1],
  }),
  wrong('id-size', 'An `id` of 15 bytes.', { id: uuid.subarray(1) }),
  wrong('id-digest', 'An `id` of 32 bytes, which only other ids may have.', { id: join(uuid, uuid) }),
  wrong('id-text', 'An `id` as text.', { id: '6f1d2a5e-93c7-4b0a-8d51-e0c4b7a29f36' }),
  wrong('id-text-16', 'An `id` as text of as many characters as a UUID has bytes.', {
    id: '6f1d2a5e93c74b0a',
  }),
  wrong('time', 'A `time` that is text.', { time: 'now' }),
  wrong('sequence', 'A `sequence` that is text, in a stream of changes.', { sequence: '1' }),
  wrong('uint-limit', 'A size of 2^53.', {
    base_size: { encoded: join(hex('cf'), u64be(2 ** 53)), json: null },
  }),
  wrong('uint-negative', 'A negative size.', { chunk_size: -1 }),
  wrong('uint-bool', 'A size that is true.', { base_size: true }),
  wrong('uint-float', 'A size as a floating-point number.', {
    result_size: raw(0xcb, 0x40, 0xb0, 0, 0, 0, 0, 0, 0),
  }),
  wrong('nil', '`generator` is nil, which is not absence.', { generator: null }),
  wrong('bool', '`base_digests` is 1.', { order: 'sorted', base_digests: 1 }),
  wrong('digests-given', 'Piece digests in a stream of order `given`.', { base_digests: true }),
  wrong('digests-map', 'Piece digests in a map.', {
    kind: 'map',
    id: uuid,
    order: 'sorted',
    base_digests: true,
  }),
  wrong('map-without-id', 'A map without an id.', { kind: 'map', order: 'sorted' }),
  wrong('state-id-absent', 'A state without an id.', { base: { time: 1 } }),
  wrong('state-id-number', 'A state whose id is a number.', { base: { id: 7 } }),
  wrong('state-id-empty', 'A state whose id is empty.', { base: { id: '' } }),
  wrong('state-time', 'A time of a state that is text.', { base: { id: 'uuid:1', time: 'now' } }),
  wrong('state-consistent', '`consistent` of a state is 1.', { base: { id: 'uuid:1', consistent: 1 } }),
  wrong('state-until', 'An `until` of a state that is text.', { result: { id: 'uuid:1', until: 'now' } }),
  wrong('state-covers', '`covers` of a state is text.', { result: { id: 'uuid:1', covers: 'lv:abc' } }),
  wrong('state-covers-bytes', '`covers` of a state holds bin.', {
    result: { id: 'uuid:1', covers: ['lv:abc', uuid] },
  }),
  wrong('state-tracks', '`tracks` of a state is a number.', { result: { id: 'uuid:1', tracks: 1 } }),
  wrong('exhaustive', '`exhaustive` is 1.', { exhaustive: 1 }),
  wrong('toward', '`toward` without an id, in a stream of changes.', { toward: { time: 1 } }),
  wrong('origin', 'A name of the origin that is no text.', { origin: { vg: ['data'] } }),
  wrong('origin-second', 'The second of two names of the origin is no text.', {
    origin: { lv: 'home', vg: 1 },
  }),
  wrong('origin-text', 'An `origin` that is no map.', { origin: 'data/home' }),
  wrong('state-text', 'A `base` that is no map.', { base: 'lv:abc' }),
  wrong('target-text', 'A `target` that is no map.', { target: '/dev/x' }),
  wrong('derived-from-number', 'A number and no array.', { derived_from: 7 }),
  wrong('derived-from-map', 'One input and no array.', { derived_from: { id: otherUuid, by: 'merge' } }),
  wrong('derived-from-text', 'An input that is no map.', { derived_from: ['merge'] }),
  wrong('derived-from', 'An input without `by`.', { derived_from: [{ id: otherUuid }] }),
  wrong('derived-from-id', 'An input whose id has 20 bytes.', {
    derived_from: [{ id: new Uint8Array(20), by: 'merge' }],
  }),
  wrong('undoes-number', 'An `undoes` that is a number.', { undoes: 7 }),
  wrong('undoes', 'An id in `undoes` that is text, in a stream of changes.', { undoes: ['x'] }),
  wrong('target', 'A `target` without its size.', { target: { path: '/dev/x' } }),
  wrong('target-path-absent', 'A `target` without its path.', { target: { size: 1 } }),
  wrong('target-path', 'A `path` that is bin.', { target: { path: uuid, size: 1 } }),
  wrong('target-size', 'A `size` of a target that is negative.', { target: { path: '/dev/x', size: -1 } }),
  wrong('target-device-id', 'A `device_id` that is bin.', {
    target: { path: '/dev/x', size: 1, device_id: uuid },
  }),
  wrong('follows', '`follows` of 20 bytes.', { follows: new Uint8Array(20) }),
  refused(
    'header-map-cut-short',
    'header-map',
    'A payload of 17 bytes, the least there is, has room for one byte of map.',
    resealed(join(u32(HEADER), u32(17), good.subarray(8, 20), Uint8Array.of(0x81), u32(0))),
  ),
];
