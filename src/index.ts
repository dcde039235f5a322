/** The library: what a program needs to read, write, make and apply change streams. */

export {
  DeviceError,
  FAULTS,
  FormatError,
  formatSentence,
  LvmError,
  LvstreamError,
  OFFERS,
  OVERRIDES,
  RefusedError,
  UsageError,
  type Fault,
  type Offer,
  type Override,
  type Remedy,
  type Sentence,
} from './errors.js';

export {
  countRecords,
  createBufferPool,
  encodedSize,
  rangesOf,
  releaseBatch,
  type BufferPool,
  type DataBatch,
  type RecordBatch,
  type ZeroBatch,
} from './format/batch.js';
export type { Range } from './ranges/range.js';
export { ByteReader, type ByteSource } from './format/byte-reader.js';
export type { Closing, Totals } from './format/lvs/maps/closing.js';
export type { CodecFactory, FrameCodec } from './format/frame-codec.js';
export { endsOf, type Ends } from './format/lvs/maps/ends.js';
export { DialectSurvey, type DialectOptions } from './format/lvmsync/dialect-survey.js';
export { readFileIndex, type FileBytes, type FileIndex } from './format/lvs/file-index.js';
export type { Derivation, Kind, Order, StreamHeader, TargetName } from './format/lvs/maps/header.js';
export { formatId, type StreamId } from './format/lvs/maps/identifier.js';
export type { Dialect } from './format/lvmsync/dialect.js';
export { listRecords } from './format/list-records.js';
export { LvsReader } from './format/lvs/reader.js';
export { LvsWriter, type ByteSink, type ClosingExtras } from './format/lvs/writer.js';
export {
  isMap,
  isPlain,
  isTold,
  openStream,
  type ChangeStream,
  type MapStream,
  type PlainStream,
  type StreamOptions,
  withDigest,
} from './format/open-stream.js';
export { openAnyStream } from './interop/open-any-stream.js';
export { piecesOf } from './format/pieces.js';
export { writePlain } from './format/lvmsync/plain.js';
export { readThrough, type ReadThrough } from './format/read-through.js';
export { resultStateId } from './format/lvs/maps/result-state.js';
export type { State } from './format/lvs/maps/state.js';
export { writeLvs } from './format/lvs/write-lvs.js';
export { writeMap, type RangeParts } from './format/lvs/write-map.js';

export { following, isKnownNotToFollow, type Following } from './algebra/follows.js';
export { findOrder, refuseNotConsecutive, type Mergeable } from './algebra/consecutive.js';
export { Density } from './ranges/density.js';
export { mergeRanges } from './ranges/merge-ranges.js';
export type { Packer } from './algebra/derived-header.js';
export { mergeStreams, type MergeOptions } from './algebra/merge-streams.js';
export { mergeSources, type MergeLimits } from './algebra/sort/merge-sources.js';
export type { MergeSource, Spill } from './algebra/sort/merge-source.js';
export { sortStream } from './algebra/sort/sort-stream.js';
export { packStream } from './algebra/pack-stream.js';
export { sliceStream } from './algebra/slice-stream.js';
export { RangeList } from './ranges/range-list.js';
export type { DeviceReader, RandomAccessReader, RangeReader } from './algebra/random-access.js';
export { readSegmentsWith } from './algebra/read-segments.js';
export { readRanges } from './algebra/records/read-ranges.js';
export { splitZeroRuns, takeZeroRecords } from './algebra/zeros/split-zeros.js';

export { createCodec } from './codec/codec.js';

export { inspect, type Inspection } from './files/inspect.js';
export { openIndex, openInput, type InputOptions, type StreamInput } from './files/open-input.js';
export { createSpill } from './files/merge/spill.js';
export { mergeInputs } from './files/merge/merge-inputs.js';
export { surveyMergeInput, type MergeInput } from './files/merge/merge-input.js';
export { mergeMaps, type MergeableMap } from './files/merge/merge-maps.js';
export { readMap, type ChangeMap } from './files/read-map.js';
export { openOutput, type Output } from './files/sink.js';
export { openSource, spool, type Source } from './files/source.js';
export { writeOutput } from './files/write-output.js';

export { applyStream } from './apply/apply.js';
export type { ApplyReport } from './apply/work.js';
export { openDirect, type DirectReader } from './device/direct.js';
export { openImage, type ImageReader } from './device/image.js';

export { readChangedChunks, type ChangedChunks } from './lvm/thick/changed-chunks.js';
export type { ChunkPart, ChunkRun, ChunkSet } from './lvm/thick/chunk-set.js';
export { loadExceptions, type ExceptionPart } from './lvm/thick/exception-part.js';
export { createSnapshotView } from './lvm/thick/snapshot-view.js';
export type { Changes, OpenChanges } from './changes/changes.js';
export { openLiveChanges } from './lvm/live.js';
export type { LiveOptions } from './lvm/live-options.js';
export { findVolume, listVolumes, type LogicalVolume, type VolumeList } from './lvm/logical-volumes.js';
export {
  dumpChanges,
  dumpSnapshotData,
  readThickSnapshot,
  thickChanges,
  type ThickSnapshot,
} from './lvm/thick/thick-dump.js';
export { thinChanges, type ThinPair } from './lvm/thin/thin-dump.js';
export {
  listThinDevices,
  openThinMetadata,
  thinDifference,
  type ThinMetadata,
} from './lvm/thin/thin-metadata.js';
export { LIST_FORMATS, writeChangeList, type ListFormat } from './changes/change-lists.js';
export { writeChangeMap, writeDump, writePlainDump, type DumpOptions } from './changes/write-changes.js';
