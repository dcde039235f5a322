import { mkdirSync, rmSync } from 'node:fs';
import { makeStore } from './make-snapshot.js';
import { measure } from './measure.js';

/** Streams for the operations on streams, made of the origin by lvstream itself. */

const SHARE = 0.125;
const PARTS = 24;

/** A stream of an eighth of the chunks: `.lvs`, plain, and as a diff of Ceph RBD. */
export function makeSmaller(places, name, size, seed) {
  const cow = `${places[name]}.cow`;
  makeStore(cow, size, SHARE, seed);
  const file = `"$${name}"`;
  measure(
    `lvstream dump --cow ${file}.cow --origin "$origin" -o ${file}
     lvstream decompress ${file} -o ${file}.stream
     lvstream convert ${file} --to rbd1 --lossy -o ${file}.rbd || test $? = 5`,
    places,
  );
  rmSync(cow);
}

/** The stream in slices of the device, of one length but for the last. */
export function makeParts(places, size) {
  mkdirSync(places.parts);
  const length = Math.ceil(size / PARTS / 4096) * 4096;
  for (let part = 0; part < PARTS; part++) {
    const name = String(part).padStart(2, '0');
    measure(`lvstream slice "$lvs" --range ${part * length}+${length} -o "$parts/${name}.lvs"`, places);
  }
}
