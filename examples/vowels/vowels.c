// Counts vowels. In goes text, out goes {"count":N}. A vowel is one of the
// ASCII letters a, e, i, o, u in either case. There is no C library here and
// no PDK: the few functions of the Extism host that it needs are declared
// below. It must use no memory that grows with the input.

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
IMPORT("output_set") void output_set(u64 block, u64 bytes);

static u32 is_vowel(u8 byte) {
  u32 letter = (byte | 0x20) - 'a';
  // One bit for each of a, e, i, o, u.
  return letter < 26 ? (0x104111u >> letter) & 1 : 0;
}

// Writes the answer backwards from `end`, and returns its first byte.
static const char *write_answer(u64 count, char *end) {
  static const char head[] = "{\"count\":";
  *--end = '}';
  do {
    *--end = (char)('0' + count % 10);
  } while (count /= 10);
  for (u32 i = sizeof head - 1; i > 0; i--) *--end = head[i - 1];
  return end;
}

EXPORT("count_vowels") int count_vowels(void) {
  u64 length = input_length();
  u64 count = 0;
  u64 at = 0;
  for (; at + 8 <= length; at += 8) {
    u64 eight = input_load_u64(at);
    for (; eight; eight >>= 8) count += is_vowel((u8)eight);
  }
  for (; at < length; at++) count += is_vowel((u8)input_load_u8(at));

  char text[32]; // 11 bytes around at most 20 digits
  const char *end = text + sizeof text;
  const char *answer = write_answer(count, text + sizeof text);
  u64 block = alloc_block((u64)(end - answer));
  for (u64 i = 0; answer + i < end; i++) store_u8(block + i, (u8)answer[i]);
  output_set(block, (u64)(end - answer));
  return 0;
}
