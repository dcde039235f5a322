meta:
  id: lvs
  title: Change stream container of lvstream
  file-extension: lvs
  license: Apache-2.0
  ks-version: "0.11"
  endian: le
  bit-endian: le
doc: |
  The `.lvs` container as specified in lvstream.md; section numbers below are its. Checksums, digests, the contents of
  compressed blocks and whatever takes counting are left to readers.
doc-ref: lvstream.md
seq:
  - id: header
    type: header_frame
    doc: "§4.2"
  - id: first_line
    contents:
      [
        0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x11, 0x89, 0x00, 0x00,
        "lvmsync PROTO[3]", 0x0a,
        0xf9, 0xdb, 0xf8, 0xce,
      ]
    doc: "§4.3"
  - id: frames
    type: frame
    repeat: until
    repeat-until: _.magic == magic::seek_table
  - id: trailing
    size-eos: true
    valid:
      expr: _.length == 0
enums:
  magic:
    0xfd2fb528: zstd
    0x184d2a50: header
    0x184d2a51: index_page
    0x184d2a52: zero_ranges
    0x184d2a53: other_3
    0x184d2a54: other_4
    0x184d2a55: other_5
    0x184d2a56: other_6
    0x184d2a57: other_7
    0x184d2a58: other_8
    0x184d2a59: other_9
    0x184d2a5a: other_a
    0x184d2a5b: other_b
    0x184d2a5c: other_c
    0x184d2a5d: other_d
    0x184d2a5e: seek_table
    0x184d2a5f: other_f
  block_type:
    0: raw
    1: rle
    2: compressed
  frame_kind:
    0: header
    1: first_line
    2: data
    3: zero_ranges
    4: zeros
    5: other
  piece_run_type:
    0: unknown
    1: zero
    2: digests
types:
  header_frame:
    seq:
      - id: magic
        type: u4
        enum: magic
        valid: magic::header
      - id: payload_size
        type: u4
        valid:
          min: 17
          max: 0x100000
      - id: payload
        type: header
        size: payload_size
  header:
    seq:
      - id: identification
        contents: [0x89, "LVS", 0x0d, 0x0a, 0x1a, 0x0a]
      - id: version
        type: u2
        valid: 1
      - id: reserved
        type: u2
        valid: 0
      - id: map
        type: msgpack_document
        size: _io.size - 16
      - id: crc32c
        type: u4
  frame:
    seq:
      - id: magic
        type: u4
        enum: magic
        valid:
          in-enum: true
      - id: payload_size
        type: u4
        if: magic != magic::zstd
      - id: zstd
        type: zstd_frame
        if: magic == magic::zstd
      - id: payload
        size: payload_size
        type:
          switch-on: magic
          cases:
            "magic::index_page": index_page
            "magic::zero_ranges": zero_ranges
            "magic::seek_table": seek_table
        if: magic != magic::zstd
        valid:
          expr: magic != magic::header
  zstd_frame:
    doc: "§4.4, §4.5: a frame of RFC 8878 behind its magic. Blocks are told apart, not decoded."
    seq:
      - id: dictionary_id_flag
        type: b2
        valid: 0
      - id: has_checksum
        type: b1
      - id: reserved
        type: b1
        valid: false
      - id: unused
        type: b1
        valid: false
      - id: is_single_segment
        type: b1
      - id: content_size_code
        type: b2
        valid:
          expr: _ > 0 or is_single_segment
      - id: window_descriptor
        type: u1
        if: not is_single_segment
      - id: content_size_1
        type: u1
        if: content_size_code == 0
      - id: content_size_2
        type: u2
        if: content_size_code == 1
      - id: content_size_4
        type: u4
        if: content_size_code == 2
      - id: content_size_8
        type: u8
        if: content_size_code == 3
      - id: blocks
        type: zstd_block
        repeat: until
        repeat-until: _.is_last
      - id: checksum
        type: u4
        if: has_checksum
    instances:
      content_size:
        value: >-
          content_size_code == 0 ? content_size_1 :
          content_size_code == 1 ? content_size_2 + 256 :
          content_size_code == 2 ? content_size_4 : content_size_8
  zstd_block:
    seq:
      - id: is_last
        type: b1
      - id: type
        type: b2
        enum: block_type
        valid:
          in-enum: true
      - id: block_size
        type: b21
        valid:
          max: 131072
      - id: body
        size: "type == block_type::rle ? 1 : block_size"
  zero_ranges:
    doc: "§4.5"
    seq:
      - id: count
        type: u4
        valid:
          min: 1
          max: 65536
      - id: reserved
        type: u4
        valid: 0
      - id: ranges
        type: range
        repeat: expr
        repeat-expr: count
      - id: crc32c
        type: u4
  range:
    seq:
      - id: offset
        type: u8
      - id: length
        type: u8
        valid:
          min: 1
  index_page:
    doc: "§4.6"
    seq:
      - id: page_number
        type: u4
      - id: is_last
        type: b1
      - id: has_piece_digests
        type: b1
      - id: has_map_ranges
        type: b1
      - id: other_flags
        type: b29
        valid: 0
      - id: first_frame
        type: u8
      - id: entry_count
        type: u4
        valid:
          max: 4096
      - id: pieces_size
        type: u4
      - id: range_count
        type: u4
      - id: reserved
        type: u4
        valid: 0
      - id: entries
        type: entry
        repeat: expr
        repeat-expr: entry_count
      - id: pieces
        type: piece_section
        size: pieces_size
      - id: map_ranges
        type: range
        repeat: expr
        repeat-expr: range_count
      - id: page_table
        type: page_table
        if: is_last
      - id: closing_map
        type: msgpack_document
        size: _io.size - _io.pos - 4
        if: is_last
      - id: crc32c
        type: u4
      - id: rest
        size-eos: true
        valid:
          expr: _.length == 0
  entry:
    doc: "§4.6.1"
    seq:
      - id: kind
        type: u1
        enum: frame_kind
        valid:
          in-enum: true
      - id: begins_inside
        type: b1
      - id: ends_inside
        type: b1
      - id: other_flags
        type: b6
        valid: 0
      - id: reserved
        type: u2
        valid: 0
      - id: record_count
        type: u4
      - id: frame_size
        type: u4
      - id: content_size
        type: u4
      - id: lowest_offset
        type: u8
      - id: highest_end
        type: u8
      - id: sha256
        size: 32
  piece_section:
    doc: "§4.6.2"
    seq:
      - id: runs
        type: piece_run
        repeat: eos
  piece_run:
    seq:
      - id: word
        type: u4
        valid:
          max: "0xbfffffff"
      - id: digests
        size: 16
        repeat: expr
        repeat-expr: count
        if: type == piece_run_type::digests
    instances:
      type:
        value: word / 0x40000000
        enum: piece_run_type
      count:
        value: word & 0x3fffffff
  page_table:
    doc: "§4.6.4"
    seq:
      - id: count
        type: u4
      - id: reserved
        type: u4
        valid: 0
      - id: pages
        type: page_reference
        repeat: expr
        repeat-expr: count
  page_reference:
    seq:
      - id: position
        type: u8
      - id: frame_size
        type: u4
      - id: reserved
        type: u4
        valid: 0
      - id: sha256
        size: 32
  seek_table:
    doc: "§4.7"
    seq:
      - id: entries
        type: seek_entry
        repeat: expr
        repeat-expr: (_io.size - 9) / 8
      - id: count
        type: u4
        valid: (_io.size - 9) / 8
      - id: descriptor
        type: u1
        valid: 0
      - id: seekable_magic
        type: u4
        valid: "0x8f92eab1"
  seek_entry:
    seq:
      - id: frame_size
        type: u4
      - id: content_size
        type: u4
  msgpack_document:
    doc: "§4.2: one map that fills the space."
    seq:
      - id: value
        type: msgpack_value
      - id: rest
        size-eos: true
        valid:
          expr: _.length == 0
  msgpack_value:
    meta:
      endian: be
    seq:
      - id: tag
        type: u1
        valid:
          expr: _ != 0xc1 and (_ < 0xc7 or _ > 0xc9) and (_ < 0xd4 or _ > 0xd8)
      - id: length_1
        type: u1
        if: tag == 0xc4 or tag == 0xd9
      - id: length_2
        type: u2
        if: tag == 0xc5 or tag == 0xda or tag == 0xdc or tag == 0xde
      - id: length_4
        type: u4
        if: tag == 0xc6 or tag == 0xdb or tag == 0xdd or tag == 0xdf
      - id: number
        type:
          switch-on: tag
          cases:
            0xca: f4
            0xcb: f8
            0xcc: u1
            0xcd: u2
            0xce: u4
            0xcf: u8
            0xd0: s1
            0xd1: s2
            0xd2: s4
            0xd3: s8
        if: tag >= 0xca and tag <= 0xd3
      - id: bytes
        size: count
        if: tag >= 0xc4 and tag <= 0xc6
      - id: text
        type: str
        encoding: UTF-8
        size: count
        if: is_text
      - id: items
        type: msgpack_value
        repeat: expr
        repeat-expr: count
        if: is_array
      - id: fields
        type: msgpack_field
        repeat: expr
        repeat-expr: count
        if: is_map
    instances:
      is_text:
        value: (tag >= 0xa0 and tag <= 0xbf) or (tag >= 0xd9 and tag <= 0xdb)
      is_array:
        value: (tag >= 0x90 and tag <= 0x9f) or tag == 0xdc or tag == 0xdd
      is_map:
        value: (tag >= 0x80 and tag <= 0x8f) or tag == 0xde or tag == 0xdf
      is_small:
        doc: An integer of one byte, -32 to 127.
        value: tag < 0x80 or tag >= 0xe0
      small:
        value: "tag < 0x80 ? tag : tag - 256"
        if: is_small
      count:
        value: >-
          tag < 0xa0 ? tag & 15 :
          tag < 0xc0 ? tag & 31 :
          tag == 0xc4 or tag == 0xd9 ? length_1 :
          tag == 0xc5 or tag == 0xda or tag == 0xdc or tag == 0xde ? length_2 : length_4
  msgpack_field:
    seq:
      - id: key
        type: msgpack_value
        valid:
          expr: _.is_text
      - id: value
        type: msgpack_value
