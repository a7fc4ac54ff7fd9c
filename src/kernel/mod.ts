// The kernel: what every other folder may use and nothing outside the language
// is needed for. Values in, values out; no clock, no randomness, no I/O.
// Importing it costs valibot and canonicalize, both pure JavaScript.

export * from "./addresses.ts";
export * from "./assert.ts";
export * from "./bytes.ts";
export * from "./cbor.ts";
export * from "./crc32c.ts";
export * from "./errors.ts";
export * from "./holds.ts";
export * from "./hosts.ts";
export * from "./ids.ts";
export * from "./json.ts";
export * from "./lifecycle.ts";
export * from "./limits.ts";
export * from "./log_fields.ts";
export * from "./message.ts";
export * from "./message_fields.ts";
export * from "./names.ts";
export * from "./node_label.ts";
export * from "./report_field.ts";
export { pageBytes } from "./seed_limits.ts";
export * from "./sequence.ts";
export * from "./slots.ts";
export * from "./spelling.ts";
export * from "./time.ts";
export * from "./timers.ts";
export * from "./token_bucket.ts";
export * from "./uniform.ts";
/** Builders of shapes, under valibot's names, and their parsers. */
export * as shape from "./shape.ts";
export type { Shape, ShapeFault } from "./shape.ts";
