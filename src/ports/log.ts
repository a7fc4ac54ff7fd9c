// Structured log events: a dotted name and fields, never a sentence with
// values inside. Where they go (a rotated file, a terminal, a test) is the
// adapter's choice. Logging never throws and never blocks its caller.

export type LogLevel = "debug" | "info" | "warn" | "error";

export const logLevels: readonly LogLevel[] = [
  "debug",
  "info",
  "warn",
  "error",
];

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}
