meta:
  id: lvmsync
  title: lvmsync change stream
  license: Apache-2.0
  ks-version: "0.11"
  endian: be
doc: |
  lvmsync streams 1, 2 and 3 as specified in lvstream.md §3, in their usual byte orders: little-endian offsets in versions
  1 and 2, big-endian ones in version 3. Which byte order and which units a stream really has takes a
  look at all of its records (§3.3), so both readings of each offset are given.
doc-ref: lvstream.md
seq:
  - id: signature
    contents: "lvmsync PROTO["
  - id: version
    type: u1
    enum: version
    valid:
      in-enum: true
  - id: end_of_line
    contents: ["]", 0x0a]
  - id: records
    type:
      switch-on: version
      cases:
        "version::chunks": chunk_record
        _: record
    repeat: eos
enums:
  version:
    0x31: chunks
    0x32: sized_chunks
    0x33: offsets
types:
  chunk_record:
    doc: "Version 1: a chunk of 4096 bytes."
    seq:
      - id: place
        size: 8
        type: place
      - id: data
        size: 4096
    instances:
      length:
        value: 4096
  record:
    doc: "Versions 2 and 3."
    seq:
      - id: place
        size: 8
        type: place
      - id: length
        type: u4
        valid:
          min: 1
      - id: data
        size: length
  place:
    doc: Eight bytes that say where a record goes, in both byte orders.
    seq:
      - id: big_endian
        type: u8be
    instances:
      little_endian:
        pos: 0
        type: u8le
