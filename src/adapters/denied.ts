// Tells whether the system or the process's own rights forbade something. In,
// whatever was thrown; out, a boolean. It says nothing about why, and takes no
// other failure for a denial.

/** The system says EACCES or EPERM; Deno says NotCapable. */
export function isDenied(cause: unknown): boolean {
  return cause instanceof Deno.errors.PermissionDenied ||
    cause instanceof Deno.errors.NotCapable ||
    // What `node:` modules throw is an Error with the system's code.
    (cause instanceof Error && "code" in cause && cause.code === "EACCES");
}
