import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packStream } from '#src/algebra/pack-stream.js';
import { decode, toJson } from '../../reference/decoder.js';
import { codec, openBytes } from '../../streams.js';
import type { Value } from '../../vectors/msgpack.js';
import { lvs, record, sorted, uuid } from '../../vectors/vector.js';

/** What a rewriting tool does not know, it keeps (§4.2), wherever it stands. */

const numRuns = process.env['SLOW'] === undefined ? 100 : 10_000;

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 3 }),
  ),
}));
const key = fc.oneof(
  fc.string({ maxLength: 12 }).map((name) => `x-${name}`),
  fc.constantFrom('__proto__', 'constructor', 'unknown', 'details'),
);
/** Keys that are not listed, of any type; in a state and in `origin` all are texts. */
const unlisted = fc.dictionary(key, value, { maxKeys: 3, noNullPrototype: true });
const texts = fc.dictionary(key, fc.string({ unit: 'grapheme' }), { maxKeys: 3, noNullPrototype: true });

const state = (id: string) => texts.map((more) => ({ id, time: 2 ** 41, consistent: true, ...more }));
const header = fc.record({
  target: unlisted.map((more) => ({ path: '/dev/vg/vm', size: 2 ** 40, device_id: 'LVM-x', ...more })),
  derived_from: fc.array(unlisted.map((more) => ({ id: uuid, by: 'merge', ...more }))),
  base: state('lv:base'),
  origin: texts,
  more: unlisted,
});
const closing = fc.record({ result: state('lv:result'), more: unlisted });

test('compress keeps all that header and closing map hold', async () => {
  await fc.assert(
    fc.asyncProperty(header, closing, async ({ more, ...listed }, { more: behind, ...atEnd }) => {
      const { input } = lvs('', '', { ...sorted, ...listed, ...more }, (file) => {
        file.data([record(4096)]);
        file.finish({ closing: { ...atEnd, ...behind } });
      });
      const parts: Uint8Array[] = [];
      const sink = { write: async (bytes: Uint8Array) => void parts.push(bytes.slice()) };
      await packStream(await openBytes(input), sink, codec, { generator: 'test', time: 0 });
      const [before, after] = [decode(input), decode(Buffer.concat(parts))];
      expect(toJson(after.header)).toEqual(toJson(before.header));
      expect(toJson(after.closing)).toEqual(toJson(before.closing));
    }),
    { numRuns },
  );
});
