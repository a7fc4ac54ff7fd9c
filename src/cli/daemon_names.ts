// What a running daemon knows by name, for completion. Nothing comes out when
// no daemon answers: a shell that completes must stay quiet. Failures that are
// bugs still show.

import { PlnError } from "../kernel/mod.ts";
import type { Invocation } from "./invocation.ts";

export async function seedNames(
  invocation: Invocation,
): Promise<readonly string[]> {
  try {
    const report = await invocation.ask((client) => client.status());
    return report.seeds.map(({ name }) => name);
  } catch (cause) {
    if (cause instanceof PlnError) return [];
    throw cause;
  }
}
