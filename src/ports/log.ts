// Structured log events: a dotted name and fields, never a sentence with
// values inside. Where they go (a rotated file, a terminal, a test) is the
// adapter's choice. Logging never throws and never blocks its caller.

/** A threshold lets its own level and all later ones through. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** From the least to the most severe. */
export const logLevels: readonly LogLevel[] = [
  "debug",
  "info",
  "warn",
  "error",
];

/** Any values: the adapter makes them plain and cuts what is too long. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Returns at once; what a full queue drops is counted. */
export interface Log {
  /** For developers; off unless asked for. */
  debug(event: string, fields?: LogFields): void;
  /** What a healthy node does. */
  info(event: string, fields?: LogFields): void;
  /** Something failed and was dealt with: nobody has to act. */
  warn(event: string, fields?: LogFields): void;
  /** Something failed and stays so: somebody has to act. */
  error(event: string, fields?: LogFields): void;
}
