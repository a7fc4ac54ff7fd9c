// deno-fmt-ignore-file (deno fmt drops decorators from functions)
//
// What a seed imports from the host, declared for AssemblyScript. In goes
// nothing; out come the Extism kernel functions and the three of Pollen. Every
// u64 named `block` is the offset of an Extism memory block, which lives in
// the host and not in the seed's own memory. No code belongs in this file, and
// only what a seed really calls ends up in its module.

@external("extism:host/env", "alloc")
export declare function allocBlock(bytes: u64): u64;
@external("extism:host/env", "length")
export declare function blockLength(block: u64): u64;
@external("extism:host/env", "load_u8")
export declare function loadU8(offset: u64): u8;
@external("extism:host/env", "load_u64")
export declare function loadU64(offset: u64): u64;
@external("extism:host/env", "store_u8")
export declare function storeU8(offset: u64, value: u8): void;
@external("extism:host/env", "store_u64")
export declare function storeU64(offset: u64, value: u64): void;
@external("extism:host/env", "input_length")
export declare function inputLength(): u64;
@external("extism:host/env", "input_load_u8")
export declare function inputLoadU8(index: u64): u8;
@external("extism:host/env", "input_load_u64")
export declare function inputLoadU64(index: u64): u64;
@external("extism:host/env", "output_set")
export declare function outputSet(block: u64, bytes: u64): void;
@external("extism:host/env", "error_set")
export declare function errorSet(block: u64): void;

/** Writes one log line; level 0 debug, 1 info, 2 warn, 3 error. */
@external("extism:host/user", "pollen_log")
export declare function pollenLog(level: u64, message: u64): void;
/** Calls a pln:// address; the block of its answer, or 0 when it failed. */
@external("extism:host/user", "pollen_request")
export declare function pollenRequest(uri: u64, input: u64): u64;
/** The block of a JSON text about the caller, or 0 when there is none. */
@external("extism:host/user", "pollen_caller_info")
export declare function pollenCallerInfo(): u64;
