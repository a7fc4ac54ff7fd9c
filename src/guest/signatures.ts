// Signatures of every function that a seed may import: the Extism kernel and
// host (extism:host/env), Pollen's own (extism:host/user, MISSION.md) and WASI
// preview 1. "iI:i" reads: takes an i32 and an i64, gives an i32. A module that
// imports one with another signature is refused when it is seeded.

export const extismNamespace = "extism:host/env";
export const userNamespace = "extism:host/user";
export const wasiNamespace = "wasi_snapshot_preview1";

// deno-fmt-ignore
const extism = {
  alloc: "I:I", free: "I:", length: "I:I", length_unsafe: "I:I",
  load_u8: "I:i", load_u64: "I:I", store_u8: "Ii:", store_u64: "II:",
  input_offset: ":I", input_length: ":I",
  input_load_u8: "I:i", input_load_u64: "I:I",
  output_set: "II:", error_set: "I:", error_get: ":I",
  config_get: "I:I", var_get: "I:I", var_set: "II:",
  http_request: "II:I", http_status_code: ":i", http_headers: ":I",
  log_trace: "I:", log_debug: "I:", log_info: "I:", log_warn: "I:",
  log_error: "I:", get_log_level: ":i",
} as const;

const user = {
  pollen_log: "II:",
  pollen_request: "II:I",
  pollen_caller_info: ":I",
} as const;

// deno-fmt-ignore
const wasi = {
  args_get: "ii:i", args_sizes_get: "ii:i",
  environ_get: "ii:i", environ_sizes_get: "ii:i",
  clock_res_get: "ii:i", clock_time_get: "iIi:i",
  fd_advise: "iIIi:i", fd_allocate: "iII:i", fd_close: "i:i",
  fd_datasync: "i:i", fd_fdstat_get: "ii:i", fd_fdstat_set_flags: "ii:i",
  fd_fdstat_set_rights: "iII:i", fd_filestat_get: "ii:i",
  fd_filestat_set_size: "iI:i", fd_filestat_set_times: "iIIi:i",
  fd_pread: "iiiIi:i", fd_prestat_get: "ii:i", fd_prestat_dir_name: "iii:i",
  fd_pwrite: "iiiIi:i", fd_read: "iiii:i", fd_readdir: "iiiIi:i",
  fd_renumber: "ii:i", fd_seek: "iIii:i", fd_sync: "i:i", fd_tell: "ii:i",
  fd_write: "iiii:i",
  path_create_directory: "iii:i", path_filestat_get: "iiiii:i",
  path_filestat_set_times: "iiiiIIi:i", path_link: "iiiiiii:i",
  path_open: "iiiiiIIii:i", path_readlink: "iiiiii:i",
  path_remove_directory: "iii:i", path_rename: "iiiiii:i",
  path_symlink: "iiiii:i", path_unlink_file: "iii:i",
  poll_oneoff: "iiii:i", proc_exit: "i:", proc_raise: "i:i",
  random_get: "ii:i", sched_yield: ":i",
  sock_accept: "iii:i", sock_recv: "iiiiii:i", sock_send: "iiiii:i",
  sock_shutdown: "ii:i",
} as const;

export type ExtismName = keyof typeof extism;
export type UserName = keyof typeof user;
export type WasiName = keyof typeof wasi;

/** Signatures by name, by namespace. */
export const hostFunctions: ReadonlyMap<
  string,
  Readonly<Record<string, string>>
> = new Map<string, Readonly<Record<string, string>>>([
  [extismNamespace, extism],
  [userNamespace, user],
  [wasiNamespace, wasi],
]);

/** The signature of an import that this host offers, else undefined. */
export function signatureOf(module: string, name: string): string | undefined {
  const functions = hostFunctions.get(module);
  if (functions === undefined || !Object.hasOwn(functions, name)) {
    return undefined;
  }
  return functions[name];
}

/** Imports during which a guest may sleep. */
export const suspendingNames: ReadonlySet<string> = new Set([
  "pollen_request",
  "poll_oneoff",
  "http_request",
]);

/** Namespaces whose functions a module may import. */
export const offeredNamespaces: readonly string[] = [...hostFunctions.keys()];
