// format.h - the first bytes of MessagePack values, for wire.c and write.c.
#ifndef LH_WIRE_FORMAT_H
#define LH_WIRE_FORMAT_H

enum {
  LH_FORMAT_FIXINT_MAX = 0x7f,
  LH_FORMAT_FIXMAP = 0x80,
  LH_FORMAT_FIXARRAY = 0x90,
  LH_FORMAT_FIXSTR = 0xa0,
  LH_FORMAT_NIL = 0xc0,  // 0xc1 is reserved and never valid
  LH_FORMAT_FALSE = 0xc2,
  LH_FORMAT_TRUE = 0xc3,
  LH_FORMAT_BIN8 = 0xc4,
  LH_FORMAT_BIN16 = 0xc5,
  LH_FORMAT_BIN32 = 0xc6,
  LH_FORMAT_EXT8 = 0xc7,  // the only ext form in use
  LH_FORMAT_FLOAT32 = 0xca,
  LH_FORMAT_FLOAT64 = 0xcb,
  LH_FORMAT_UINT8 = 0xcc,
  LH_FORMAT_UINT16 = 0xcd,
  LH_FORMAT_UINT32 = 0xce,
  LH_FORMAT_UINT64 = 0xcf,
  LH_FORMAT_INT8 = 0xd0,
  LH_FORMAT_INT16 = 0xd1,
  LH_FORMAT_INT32 = 0xd2,
  LH_FORMAT_INT64 = 0xd3,
  LH_FORMAT_STR8 = 0xd9,
  LH_FORMAT_STR16 = 0xda,
  LH_FORMAT_STR32 = 0xdb,
  LH_FORMAT_ARRAY16 = 0xdc,
  LH_FORMAT_ARRAY32 = 0xdd,
  LH_FORMAT_MAP16 = 0xde,
  LH_FORMAT_MAP32 = 0xdf,
  LH_FORMAT_NEGATIVE = 0xe0,  // and above: -32 .. -1

  LH_FORMAT_FIX_COUNT_MAX = 15,
  LH_FORMAT_FIX_STR_MAX = 31,
  LH_FORMAT_NEGATIVE_MIN = -32,
  LH_FORMAT_PID_LEN = 32,
};

#endif
