// The C module of the seeds bench. In goes any input; `echo` gives it back,
// `sum` gives a checksum of it in 8 bytes. Like a PDK it copies its input into
// its own memory first, and grows that memory when it must. It must keep
// nothing from call to call.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define IMPORT(name) \
  __attribute__((import_module("extism:host/env"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

IMPORT("input_length") u64 input_length(void);
IMPORT("input_load_u8") u32 input_load_u8(u64 index);
IMPORT("input_load_u64") u64 input_load_u64(u64 index);
IMPORT("alloc") u64 alloc_block(u64 bytes);
IMPORT("store_u8") void store_u8(u64 offset, u32 value);
IMPORT("store_u64") void store_u64(u64 offset, u64 value);
IMPORT("output_set") void output_set(u64 block, u64 bytes);

extern u8 __heap_base;

// The input, copied behind the module's own data; 0 when there is no room.
static u8 *read_input(u64 length) {
  u8 *bytes = &__heap_base;
  u64 end = (u64)(u32)bytes + length;
  u64 have = (u64)__builtin_wasm_memory_size(0) << 16;
  if (end > have) {
    u32 pages = (u32)((end - have + 65535) >> 16);
    if (__builtin_wasm_memory_grow(0, pages) == (u32)-1) return 0;
  }
  u64 at = 0;
  for (; at + 8 <= length; at += 8) {
    u64 eight = input_load_u64(at);
    __builtin_memcpy(bytes + at, &eight, 8);
  }
  for (; at < length; at++) bytes[at] = (u8)input_load_u8(at);
  return bytes;
}

static int answer(const u8 *bytes, u64 length) {
  u64 block = alloc_block(length);
  u64 at = 0;
  for (; at + 8 <= length; at += 8) {
    u64 eight;
    __builtin_memcpy(&eight, bytes + at, 8);
    store_u64(block + at, eight);
  }
  for (; at < length; at++) store_u8(block + at, bytes[at]);
  output_set(block, length);
  return 0;
}

EXPORT("echo") int echo(void) {
  u64 length = input_length();
  u8 *bytes = read_input(length);
  return bytes ? answer(bytes, length) : 1;
}

// FNV-1a, a byte at a time: a tight loop that no compiler can shorten.
EXPORT("sum") int sum(void) {
  u64 length = input_length();
  u8 *bytes = read_input(length);
  if (!bytes) return 1;
  u64 hash = 0xcbf29ce484222325u;
  for (u64 at = 0; at < length; at++) {
    hash = (hash ^ bytes[at]) * 0x100000001b3u;
  }
  return answer((u8 *)&hash, sizeof hash);
}
